#include "config/names.hpp"

#include "sluice/base/address.hpp"
#include "sluice/config/load.hpp"

#include "config/address.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

using Text = Parsed<std::string>;

constexpr std::size_t kLongestName = 63;
constexpr std::string_view kPlaceholder = "{tenant}";

// Framing, one connection only, or written by Sluice itself; in lower case.
constexpr std::array<std::string_view, 21> kReservedFields{"cdn-loop",
                                                           "connection",
                                                           "content-length",
                                                           "date",
                                                           "expect",
                                                           "forwarded",
                                                           "host",
                                                           "http2-settings",
                                                           "keep-alive",
                                                           "max-forwards",
                                                           "proxy",
                                                           "proxy-authenticate",
                                                           "proxy-authorization",
                                                           "proxy-connection",
                                                           "proxy-status",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "via",
                                                           "x-request-id"};

// What a health check's request has of itself, or cannot have; in lower case.
constexpr std::array<std::string_view, 10> kFramingFields{
    "connection", "content-length",    "expect", "http2-settings", "keep-alive", "proxy-connection", "te",
    "trailer",    "transfer-encoding", "upgrade"};

bool all_of(std::string_view text, bool (*allowed)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

bool is_token_char(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_path_char(char c) {
  return is_alnum(c) || std::string_view("/-._~!$&'()*+,;=:@%").find(c) != std::string_view::npos;
}

bool is_reserved_field(std::string_view name) {
  return name.starts_with("x-forwarded-") ||
         std::find(kReservedFields.begin(), kReservedFields.end(), name) != kReservedFields.end();
}

bool good_escapes(std::string_view path) {
  for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 1)) {
    if (i + 2 >= path.size() || hex_value(path[i + 1]) < 0 || hex_value(path[i + 2]) < 0) return false;
  }
  return true;
}

// In whatever spelling.
bool is_dots(std::string_view segment) {
  std::string plain = lower(segment);
  for (std::size_t at = plain.find("%2e"); at != std::string::npos; at = plain.find("%2e", at))
    plain.replace(at, 3, ".");
  return plain == "." || plain == "..";
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (is_dots(segment)) return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

}  // namespace

bool is_token(std::string_view text) { return all_of(text, is_token_char); }

bool is_name(std::string_view text) {
  return text.size() <= kLongestName && !text.empty() && is_alnum(text.front()) &&
         all_of(text, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_tenant_name(std::string_view text) {
  return text.size() <= kLongestName &&
         all_of(text, [](char c) { return (is_alnum(c) && !is_upper(c)) || c == '-'; });
}

Text parse_host_pattern(std::string_view text) {
  std::string host = canonical_host(text);
  if (text.find_first_not_of('_') == std::string_view::npos && !text.empty()) {
    return failed<std::string>(
        fmt::format("{} is no host a client asks for; for every host leave \"hosts\" out", quoted(text)));
  }
  if (!host.empty()) return {std::move(host), {}};
  if (text.starts_with('.') && !canonical_host("*" + std::string(text)).empty()) {
    return failed<std::string>(
        fmt::format("{} is not a host name; did you mean \"*{}\"?", quoted(text), text));
  }
  if (text == "*") return failed<std::string>("\"*\" is no host; \"*.example.com\" covers one domain");
  if (text.find("://") != std::string_view::npos || text.find('/') != std::string_view::npos) {
    return failed<std::string>(fmt::format("{} is a URL; write the host alone", quoted(text)));
  }
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && !canonical_host(text.substr(0, colon)).empty()) {
    return failed<std::string>(fmt::format("{} has a port; write the host alone", quoted(text)));
  }
  return failed<std::string>(fmt::format("{} is not a host name", quoted(text)));
}

Text parse_server_name(std::string_view text) {
  Text host = parse_host_pattern(text);
  if (!host) return host;
  if (host.value.starts_with('*')) {
    return failed<std::string>(fmt::format("{} is a wildcard; write one name", quoted(text)));
  }
  if (host.value.starts_with('[') || IpAddress::parse(host.value)) {
    return failed<std::string>(fmt::format(
        "{} is an address; leave the key out to verify the address of each server", quoted(text)));
  }
  return host;
}

Text parse_tenant_pattern(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (text.substr(0, dot) != kPlaceholder || dot == std::string_view::npos) {
    return failed<std::string>(fmt::format(
        "{} must be \"{{tenant}}.\" and a domain, such as \"{{tenant}}.example.com\"", quoted(text)));
  }
  const std::string_view domain = text.substr(dot + 1);
  const std::string canonical = canonical_host("*." + std::string(domain));
  if (canonical.empty() || domain.starts_with('*')) {
    return failed<std::string>(fmt::format("{} is not a domain", quoted(domain)));
  }
  return {std::string(kPlaceholder) + canonical.substr(1), {}};
}

Text parse_path(std::string_view text) {
  std::string_view problem;
  if (!text.starts_with('/')) {
    problem = "must begin with \"/\"";
  } else if (text.find('*') != std::string_view::npos) {
    problem = "has a \"*\", which is no wildcard here; a path that ends in \"/\" covers everything below it";
  } else if (text.find_first_of("?#") != std::string_view::npos) {
    problem = "must be a path alone, without query or fragment";
  } else if (!all_of(text, is_path_char)) {
    problem = "holds a character that must be percent-encoded";
  } else if (!good_escapes(text)) {
    problem = "has a \"%\" without two hexadecimal digits";
  } else if (has_dot_segment(text)) {
    problem = "has a \".\" or \"..\" segment, which no request keeps";
  }
  if (problem.empty()) return {std::string(text), {}};
  return failed<std::string>(fmt::format("{} {}", quoted(text), problem));
}

Text parse_method(std::string_view text) {
  if (!is_token(text)) return failed<std::string>(fmt::format("{} is not a method", quoted(text)));
  std::string capitals = upper(text);
  if (text == "*" || capitals == "ANY" || capitals == "ALL") {
    return failed<std::string>(
        fmt::format("{} is no method; for every method leave \"methods\" out", quoted(text)));
  }
  if (capitals == text) return {std::move(capitals), {}};
  return failed<std::string>(
      fmt::format("{} is not a method; did you mean {}?", quoted(text), quoted(capitals)));
}

Text parse_request_field(std::string_view text) {
  if (!is_token(text)) return failed<std::string>(fmt::format("{} is not a field name", quoted(text)));
  if (is_reserved_field(lower(text))) {
    return failed<std::string>(fmt::format("{} is a field that Sluice or the protocol sets", quoted(text)));
  }
  return {std::string(text), {}};
}

Text parse_check_target(std::string_view text) {
  if (text.find('#') != std::string_view::npos) {
    return failed<std::string>(fmt::format("{} has a fragment, which is never sent", quoted(text)));
  }
  const std::size_t mark = std::min(text.find('?'), text.size());
  Text path = parse_path(text.substr(0, mark));
  if (!path) return path;
  const std::string_view query = text.substr(mark);
  const bool plain = query.empty() || all_of(query, [](char c) { return is_path_char(c) || c == '?'; });
  if (plain && good_escapes(query)) return {std::string(text), {}};
  return failed<std::string>(fmt::format("{} has a query that must be percent-encoded", quoted(text)));
}

Text parse_check_host(std::string_view text) {
  if (text.starts_with("*.")) {
    return failed<std::string>(fmt::format("{} is a wildcard; write one name", quoted(text)));
  }
  const std::size_t colon = text.rfind(':');
  const bool with_port = canonical_host(text).empty() && colon != std::string_view::npos &&
                         !canonical_host(text.substr(0, colon)).empty();
  return with_port ? parse_address(text, Role::server) : parse_host_pattern(text);
}

Text parse_check_field(std::string_view text) {
  if (!is_token(text)) return failed<std::string>(fmt::format("{} is not a field name", quoted(text)));
  const std::string name = lower(text);
  if (name == "host")
    return failed<std::string>("\"Host\" has a key of its own, beside \"headers\": \"host\"");
  if (std::find(kFramingFields.begin(), kFramingFields.end(), name) != kFramingFields.end()) {
    return failed<std::string>(fmt::format("{} is a field that the protocol sets", quoted(text)));
  }
  return {std::string(text), {}};
}

Text parse_cdn_id(std::string_view text) {
  const bool good =
      text.size() <= kLongestName && is_alnum(text.empty() ? ' ' : text.front()) && all_of(text, [](char c) {
        return is_alnum(c) || std::string_view("._:-").find(c) != std::string_view::npos;
      });
  if (good) return {std::string(text), {}};
  return failed<std::string>(fmt::format("{} is not a name: off, or 1 to {} letters, digits and \"._:-\"",
                                         quoted(text), kLongestName));
}

Text parse_cookie_name(std::string_view text) {
  if (is_token(text)) return {std::string(text), {}};
  return failed<std::string>(
      fmt::format("{} is not a name for a cookie: letters, digits and !#$%&'*+-.^_`|~", quoted(text)));
}

Text parse_cookie_path(std::string_view text) {
  Text path = parse_path(text);
  if (!path || text.find(';') == std::string_view::npos) return path;
  return failed<std::string>(fmt::format("{} has a \";\", which ends the path of a cookie", quoted(text)));
}

}  // namespace sluice::config
