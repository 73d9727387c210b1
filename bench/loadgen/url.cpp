#include "loadgen/url.hpp"

#include "origin/toolkit/usage_error.hpp"
#include "origin/toolkit/units.hpp"

#include <limits>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

[[noreturn]] void reject(std::string_view text) {
  throw toolkit::UsageError(fmt::format("\"{}\" is not http[s]://host[:port][/path]", text));
}

}  // namespace

Url parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    url.port = 443;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    reject(text);
  }
  const auto path = rest.find_first_of("/?#");
  const auto authority = rest.substr(0, path);
  if (path != std::string_view::npos) {
    url.target = rest.substr(path, rest.find('#') - path);
    if (!url.target.starts_with('/')) url.target.insert(0, "/");
  }

  // In brackets stands an IPv6 address, whose colons separate no port.
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::uint16_t usual_port = url.port;
  if (colon != std::string_view::npos) {
    const auto port = toolkit::parse_number(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) reject(text);
    url.port = static_cast<std::uint16_t>(*port);
  }
  const auto host = authority.substr(0, colon);
  url.authority = url.port == usual_port ? host : authority;
  url.host = host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  if (url.host.empty()) reject(text);
  return url;
}

}  // namespace sluice::bench
