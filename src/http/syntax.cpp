#include "sluice/http/syntax.hpp"

namespace sluice::http {

std::optional<std::uint64_t> parse_content_length(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto value = parse_decimal<std::int64_t>(text);
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

Rule content_length_rule(std::string_view value, bool seen) {
  // A list is what two fields are joined to.
  return seen || value.find(',') != std::string_view::npos ? Rule::two_lengths : Rule::bad_length;
}

bool forbidden_in_trailers(const Field& field) {
  switch (field.id) {
    case FieldId::other: break;
    case FieldId::date:
    case FieldId::accept: return false;
    default: return true;
  }
  constexpr std::string_view kNames[] = {
      "authorization",
      "proxy-authorization",
      "proxy-authenticate",
      "www-authenticate",
      "set-cookie",
      "cache-control",
      "content-encoding",
      "content-range",
      "content-location",
      "range",
      "max-forwards",
      "if-match",
      "if-none-match",
      "if-modified-since",
      "if-range",
      "if-unmodified-since",
      "location",
      "age",
      "expires",
      "vary",
      "proxy-status",
  };
  for (const auto name : kNames) {
    if (same_variable(field.name, name)) return true;
  }
  return false;
}

}  // namespace sluice::http
