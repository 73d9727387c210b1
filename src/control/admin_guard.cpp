#include "control/admin_guard.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"

#include <algorithm>
#include <string>

namespace sluice::control {
namespace {

bool is_loopback(const IpAddress& ip) {
  static const IpAddress v6 = *IpAddress::parse("::1");
  static const IpAddress v4 = *IpAddress::parse("127.0.0.1");
  // 127.0.0.0/8: the mapped prefix and the first octet.
  return ip == v6 || std::equal(ip.bytes, ip.bytes + 13, v4.bytes);
}

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
  return ip && is_loopback(*ip);
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
