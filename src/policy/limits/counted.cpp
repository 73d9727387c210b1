#include "policy/limits/counted.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/cookie.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/target.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

using Of = config::KeyPart::Of;

// What only a trusted proxy may say is not said where it is not one: such a field is dropped before a server
// sees it, and a client that makes values up would have a key of its own for each.
bool heard(const http::Field& field, const http::Exchange& exchange) {
  return exchange.origin.trusted_peer || !http::needs_trust(field.id);
}

bool has(const http::Exchange& exchange, const config::FieldIs& wanted) {
  const auto all = exchange.request.fields.all();
  return std::any_of(all.begin(), all.end(), [&](const http::Field& field) {
    return iequals(field.name, wanted.name.value) && (!wanted.value || field.value == *wanted.value) &&
           heard(field, exchange);
  });
}

// Without what some servers cut off each segment ("/login;x=1"), and with the separators that others take
// "\\" for.
std::string_view plain_path(std::string_view decoded, Arena& arena) {
  if (decoded.find_first_of(";\\") == std::string_view::npos) return decoded;
  char* const out = arena.array<char>(decoded.size());
  std::size_t size = 0;
  bool parameter = false;
  for (const char c : decoded) {
    const bool separator = c == '/' || c == '\\';
    parameter = !separator && (parameter || c == ';');
    if (parameter || (separator && size != 0 && out[size - 1] == '/')) continue;
    out[size++] = separator ? '/' : c;
  }
  return {out, size};
}

// By any reading that an application may have of it: "/%6cogin" is no way past a limit on "/login".
bool fits(const LimitMatch& match, http::Exchange& exchange) {
  const auto same = [&match](std::string_view path) {
    return match.prefix ? path.starts_with(match.path) : path == match.path;
  };
  const std::string_view path = exchange.request.path;
  if (match.path.empty() || same(path)) return true;
  const std::string_view decoded = http::decoded_path(path, exchange.arena);
  if (same(decoded) || same(plain_path(decoded, exchange.arena))) return true;
  return exchange.request.dotted &&
         !http::all_resolutions(path, exchange.arena,
                                [&](std::string_view reading) { return !same(reading); });
}

bool matches(const LimitMatch& match, http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  const auto& methods = match.methods;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), request.method_text) == methods.end())
    return false;
  return std::all_of(match.headers.begin(), match.headers.end(),
                     [&](const auto& field) { return has(exchange, field); }) &&
         fits(match, exchange);
}

// All fields of the name as one list: what is split into two lines is the same value (RFC 9110 §5.3).
std::string_view field_value(http::Exchange& exchange, std::string_view name) {
  std::string_view out;
  bool found = false;
  for (const http::Field& field : exchange.request.fields.all()) {
    if (!iequals(field.name, name) || !heard(field, exchange)) continue;
    out = found ? exchange.arena.join({out, ", ", field.value}) : field.value;
    found = true;
  }
  return out;
}

std::string_view path_of(http::Exchange& exchange) {
  const std::string_view decoded = http::decoded_path(exchange.request.path, exchange.arena);
  if (!exchange.request.dotted) return decoded;
  bool to_directory = false;
  char* const room = exchange.arena.array<char>(decoded.size());
  return http::resolve_dots(decoded, {.encoded = true, .fold = true, .parameters = true}, room, to_directory);
}

}  // namespace

bool counts(const Limit& limit, http::Exchange& exchange) {
  if (!limit.selective) return true;
  if (!limit.match.any() && !matches(limit.match, exchange)) return false;
  if (!limit.exempt_clients.empty() && limit.exempt_clients.contains(http::client_address(exchange)))
    return false;
  const auto& headers = limit.exempt_headers;
  return std::none_of(headers.begin(), headers.end(),
                      [&](const auto& field) { return has(exchange, field); });
}

limits::Key key_of(const Limit& limit, http::Exchange& exchange, limits::KeyMaker& maker) {
  for (const config::KeyPart& part : limit.key) {
    switch (part.of) {
      case Of::tenant: maker.add(exchange.tenant); break;
      case Of::client_ip: {
        const IpAddress& client = http::client_address(exchange);
        maker.add(client.prefix(client.is_v4() ? limit.v4_bits : limit.v6_bits));
        break;
      }
      case Of::host: maker.add(exchange.request.host); break;
      case Of::path: maker.add(path_of(exchange)); break;
      case Of::header: maker.add(field_value(exchange, part.name)); break;
      case Of::cookie: maker.add(http::find_cookie(exchange.request.fields, part.name).value_or("")); break;
      case Of::response: break;  // each has a bucket of its own, and nobody asks for its key
    }
  }
  limits::Key out = maker.key();
  out.limit = limit.tag;
  if (limit.by_tenant && !exchange.tenant.empty()) out.tenant = limits::tag_of(exchange.tenant);
  out.bounded = limit.by_tenant && limit.key.size() == 1 && exchange.tenant_listed;
  return out;
}

}  // namespace sluice::policy
