#include "plan/wires.hpp"

#include "sluice/tls/certificate.hpp"
#include "sluice/tls/client_context.hpp"

#include <utility>

#include <fmt/format.h>

namespace sluice::plan {

std::string wire_key(const config::Pool& pool) {
  std::string key = pool.h2 ? "h2" : "http/1.1";
  if (!pool.tls) return key;
  key += fmt::format(" tls verify={} name={}", pool.tls->verify ? 1 : 0, pool.tls->server_name);
  if (!pool.tls->ca) return key;
  const auto stamp = tls::FileStamp::of(pool.tls->ca->value);
  return key +
         fmt::format(" ca={}:{}:{}:{}", stamp.modified_ns, stamp.size, stamp.inode, pool.tls->ca->value);
}

std::shared_ptr<const upstream::Wire> Wires::get(const config::Pool& pool) {
  std::string key = wire_key(pool);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  auto made = std::make_shared<upstream::Wire>();
  made->h2 = pool.h2;
  made->key = std::move(key);
  if (pool.tls) {
    made->server_name = pool.tls->server_name;
    made->tls = client_context(pool);
    if (made->tls == nullptr) return made;  // reported, and to be reported for each pool
  }
  know(made);
  return made;
}

std::shared_ptr<const tls::ClientContext> Wires::client_context(const config::Pool& pool) {
  const auto ca = pool.tls->ca.value_or(config::Located<std::string>{});
  std::string why;
  auto made = tls::ClientContext::make({pool.tls->verify, ca.value, pool.h2}, why);
  if (made == nullptr) diagnostics_.add(ca.at, "pools." + pool.name + ".tls.ca", std::move(why));
  return made;
}

}  // namespace sluice::plan
