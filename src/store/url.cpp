#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"
#include "sluice/store/client.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace sluice::store {
namespace {

constexpr std::string_view kClear = "redis://";
constexpr std::string_view kSecure = "rediss://";

bool read_database(std::string_view text, Settings& out) {
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.database);
  return error == std::errc() && end == text.data() + text.size();
}

// "USER:PASSWORD", ":PASSWORD" or "USER".
bool read_user(std::string_view text, Settings& out) {
  const std::size_t colon = text.find(':');
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password =
      percent_decoded(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (!user || !password) return false;
  out.user = *user;
  out.password = *password;
  return true;
}

bool read_place(std::string_view text, Settings& out) {
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  const bool with_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const auto place = split_host_port(std::string(text) + (with_port ? "" : ":6379"));
  if (!place || place->host.empty() || place->port == 0) return false;
  out.host = place->host;
  out.port = place->port;
  return true;
}

}  // namespace

// A password may hold anything but what separates the parts.
std::optional<Settings> parse_url(std::string_view url) {
  Settings out;
  out.tls = url.starts_with(kSecure);
  if (!out.tls && !url.starts_with(kClear)) return std::nullopt;
  std::string_view rest = url.substr(out.tls ? kSecure.size() : kClear.size());
  const std::size_t sign = rest.rfind('@');
  if (sign != std::string_view::npos) {
    if (!read_user(rest.substr(0, sign), out)) return std::nullopt;
    rest = rest.substr(sign + 1);
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (slash < rest.size() && !read_database(rest.substr(slash + 1), out)) return std::nullopt;
  if (!read_place(rest.substr(0, slash), out)) return std::nullopt;
  return out;
}

}  // namespace sluice::store
