#include "plan/checks.hpp"

#include "sluice/tls/client_context.hpp"

#include "plan/pattern.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

using upstream::CheckPlan;

std::string suffix_of(const config::Tenants& tenants) {
  return tenants.from_host ? pattern_suffix(tenants.from_host->value) : std::string();
}

const config::Tenant* find(const config::Tenants& tenants, std::string_view name) {
  const auto at = std::find_if(tenants.items.begin(), tenants.items.end(),
                               [&](const config::Tenant& tenant) { return tenant.name == name; });
  return at != tenants.items.end() ? &*at : nullptr;
}

// A host that leads to the tenant; empty when there is none that one could ask for.
std::string host_of(const config::Tenants& tenants, std::string_view name, const config::Tenant* listed) {
  if (const std::string suffix = suffix_of(tenants); !suffix.empty())
    return fmt::format("{}{}", name, suffix);
  if (listed == nullptr) return {};
  const auto exact = std::find_if(listed->hosts.begin(), listed->hosts.end(),
                                  [](const auto& host) { return !host.value.starts_with('*'); });
  return exact != listed->hosts.end() ? exact->value : std::string();
}

class Sample {
 public:
  Sample(const config::Tenants& tenants, const config::Pool& pool, config::Diagnostics& diagnostics)
      : tenants_(tenants), pool_(pool), diagnostics_(diagnostics) {}

  std::vector<CheckPlan::As> take() {
    const config::AsTenants& wanted = *pool_.health->as_tenants;
    for (const auto& name : wanted.names) {
      const config::Tenant* const listed = find(tenants_, name.value);
      if (listed == nullptr && suffix_of(tenants_).empty()) {
        if (!diagnostics_.doubtful("tenants.items." + name.value))
          error(name.at, fmt::format("there is no tenant \"{}\"{}", name.value, hint(name.value)));
      } else {
        if (listed == nullptr && !tenants_.items.empty()) {
          diagnostics_.warn(
              name.at, "pools." + pool_.name + ".health.as_tenants",
              fmt::format("tenant \"{}\" is not listed; it is asked for by its host all the same{}",
                          name.value, hint(name.value)));
        }
        add(name.value, listed, name.at);
      }
    }
    const std::size_t known = tenants_.items.size();
    if (wanted.sample != 0 && known == 0) error(wanted.at, "no tenants are listed to choose from; name some");
    // Spread over the list, and the same ones after each reload that leaves the list alone.
    const std::size_t count = std::min<std::size_t>(wanted.sample, known);
    for (std::size_t i = 0; i < count; ++i) {
      const config::Tenant& tenant = tenants_.items[i * known / count];
      add(tenant.name, &tenant, wanted.at);
    }
    return std::move(out_);
  }

 private:
  void add(const std::string& name, const config::Tenant* listed, config::Position at) {
    const std::string& fixed = pool_.health->host;
    std::string host = fixed.empty() ? host_of(tenants_, name, listed) : fixed;
    if (host.empty()) {
      error(at, fmt::format("tenant \"{}\" has no host of its own to ask for; set \"host\"", name));
    }
    out_.push_back({name, std::move(host)});
  }
  std::string hint(std::string_view name) const {
    std::vector<std::string_view> known;
    for (const config::Tenant& tenant : tenants_.items)
      known.push_back(tenant.name);
    return config::did_you_mean(name, known);
  }
  void error(config::Position at, std::string_view message) {
    diagnostics_.add(at, "pools." + pool_.name + ".health.as_tenants", message);
  }

  const config::Tenants& tenants_;
  const config::Pool& pool_;
  config::Diagnostics& diagnostics_;
  std::vector<CheckPlan::As> out_;
};

// Checks over TLS of servers that otherwise are spoken to in the clear know of no authority to verify them
// by.
std::shared_ptr<const upstream::Wire> wire_for(const config::Pool& pool,
                                               const std::shared_ptr<const upstream::Wire>& servers,
                                               config::Diagnostics& diagnostics) {
  const bool secure = pool.health->type == config::CheckType::https;
  if (secure == (servers->tls != nullptr) && pool.health->type != config::CheckType::tcp) return servers;
  auto own = std::make_shared<upstream::Wire>();
  own->key = secure ? "check tls" : "check clear";
  std::string why;
  if (secure) own->tls = tls::ClientContext::make({false, {}, false}, why);
  if (!why.empty()) diagnostics.add(pool.health->at, "pools." + pool.name + ".health", why);
  return own;
}

upstream::Expect expectation(const config::Expect& from) {
  upstream::Expect out;
  out.status.clear();
  for (const config::StatusRange& range : from.status)
    out.status.push_back({range.low, range.high});
  if (from.body) out.body = from.body->value;
  if (from.body_regex) out.body_regex = from.body_regex->value;
  for (const config::JsonExpectation& json : from.json)
    out.json.push_back({json.path, json.value});
  return out;
}

upstream::CheckType check_type(config::CheckType from) {
  switch (from) {
    case config::CheckType::https: return upstream::CheckType::https;
    case config::CheckType::tcp: return upstream::CheckType::tcp;
    case config::CheckType::http: break;
  }
  return upstream::CheckType::http;
}

upstream::CheckRules check_rules(const config::Health& from) {
  upstream::CheckRules out;
  out.type = check_type(from.type);
  out.port = from.port;
  out.interval = nanos(from.interval);
  out.jitter = from.jitter;
  out.timeout = nanos(from.timeout);
  out.rise = from.rise;
  out.fall = from.fall;
  out.starts_up = from.start == config::CheckStart::up;
  out.path = from.path;
  out.method = from.method;
  out.host = from.host;
  for (const config::CheckHeader& header : from.headers)
    out.headers.emplace_back(header.name, header.value.value);
  out.expect = expectation(from.expect);
  return out;
}

static_assert(upstream::kTenantPlaceholder == config::kTenantPlaceholder);
static_assert(upstream::kMaxCheckedBody == config::kMaxCheckedBody);

}  // namespace

bool checks_blindly(const config::Pool& pool) {
  return pool.health && pool.health->type == config::CheckType::https && !pool.tls;
}

std::shared_ptr<const CheckPlan> make_checks(const config::Document& document, const config::Pool& pool,
                                             const std::shared_ptr<const upstream::Wire>& wire,
                                             config::Diagnostics& diagnostics) {
  auto out = std::make_shared<CheckPlan>(check_rules(*pool.health));
  out->wire = wire_for(pool, wire, diagnostics);
  if (!pool.health->as_tenants || !document.tenants) return out;  // the latter is an error already
  const config::Tenants& tenants = *document.tenants;
  if (tenants.defaults.send_header) out->tenant_header = tenants.defaults.send_header->value;
  out->tenants = Sample(tenants, pool, diagnostics).take();
  return out;
}

}  // namespace sluice::plan
