#include "sluice/http/cookie.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>

namespace sluice::http {
namespace {

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

}  // namespace

// Pairs end at every ";", also between quotation marks: that is how browsers cut what they were told to set.
// A piece without "=" is the value of a cookie without a name, and that cannot be asked for.
std::optional<std::string_view> find_cookie(std::string_view value, std::string_view name) {
  while (!value.empty()) {
    const std::string_view pair = value.substr(0, value.find(';'));
    value.remove_prefix(std::min(pair.size() + 1, value.size()));
    if (pair.size() <= name.size()) continue;  // many empty ones are cheap to send
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trim_ows(pair.substr(0, equals)) != name || name.empty())
      continue;
    return unquoted(trim_ows(pair.substr(equals + 1)));
  }
  return std::nullopt;
}

std::optional<std::string_view> find_cookie(const Fields& fields, std::string_view name) {
  if (!fields.has(FieldId::cookie)) return std::nullopt;
  for (const Field& field : fields.all()) {
    if (field.id != FieldId::cookie || field.dropped) continue;
    if (const auto found = find_cookie(field.value, name)) return found;
  }
  return std::nullopt;
}

}  // namespace sluice::http
