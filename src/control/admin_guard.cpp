#include "control/admin_guard.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"

#include <string>

namespace sluice::control {
namespace {

// A name that anybody may point at 127.0.0.1 shows in Host (DNS rebinding); the names of loopback itself are
// nobody's. Any port: it may be forwarded.
bool names_loopback(std::string_view host) {
  std::string name(host);
  if (const auto parts = split_host_port(host)) {
    name = parts->host;
  } else if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    name = host.substr(1, host.size() - 2);
  }
  if (iequals(name, "localhost")) return true;
  const auto ip = IpAddress::parse(name);
  return ip && ip->is_loopback();
}

}  // namespace

bool may_ask(const Signs& signs) {
  // Browsers send Origin with all that a page sends elsewhere but plain reads, forms included, and
  // Sec-Fetch-Site with those too: "none" is what a person typed. Command lines and scripts send neither.
  if (signs.origin) return false;
  if (!signs.fetch_site.empty() && signs.fetch_site != "none" && signs.fetch_site != "same-origin")
    return false;
  return signs.host.empty() || names_loopback(signs.host);
}

}  // namespace sluice::control
