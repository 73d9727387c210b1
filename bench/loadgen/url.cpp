#include "loadgen/url.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

namespace sluice::bench {
namespace {

namespace urls = boost::urls;

[[noreturn]] void reject(std::string_view text) {
  throw toolkit::UsageError(fmt::format("\"{}\" is not http[s]://host[:port][/path]", text));
}

std::string string(urls::pct_string_view text) { return {text.data(), text.size()}; }

}  // namespace

Url parse_url(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (!parsed || parsed->encoded_host().empty() || parsed->has_userinfo()) reject(text);
  // RFC 3986 §3.3; Boost 1.81 takes the second port of "http://a:80:80" for a path.
  if (!parsed->encoded_path().empty() && !parsed->encoded_path().starts_with('/')) reject(text);
  Url url;
  url.tls = parsed->scheme_id() == urls::scheme::https;
  if (!url.tls && parsed->scheme_id() != urls::scheme::http) reject(text);
  const std::uint16_t usual_port = url.tls ? 443 : 80;
  url.port = parsed->has_port() ? parsed->port_number() : usual_port;
  if (url.port == 0) reject(text);
  url.host = string(parsed->encoded_host_address());
  url.authority = string(parsed->encoded_host());
  if (url.port != usual_port) url.authority += fmt::format(":{}", url.port);
  url.target = string(parsed->encoded_target());
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace sluice::bench
