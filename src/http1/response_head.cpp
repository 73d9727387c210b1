// Responses, and trailers of either message.
#include "sluice/base/text.hpp"
#include "sluice/http1/head.hpp"

#include "http1/field_lines.hpp"

namespace sluice::http1 {
namespace {

using http::Framing;

Rule parse_status_line(Cursor& cursor, http::ResponseHead& out) {
  const std::string_view line(cursor.at, static_cast<std::size_t>(cursor.end - cursor.at));
  if (const Rule rule = parse_version(cursor, out.minor); rule != Rule::none)
    return check_response_start(line) == Rule::not_http ? Rule::not_http : Rule::bad_version;
  if (!cursor.skip(' ')) return Rule::status_line;
  unsigned status = 0;
  for (int i = 0; i < 3; ++i) {
    if (!is_digit(*cursor.at)) return Rule::status_line;
    status = status * 10 + static_cast<unsigned>(*cursor.at++ - '0');
  }
  // RFC 9110 §15: 100..599. The space before an empty reason is often left out, and nothing hangs on it.
  if (status < 100 || status > 599) return Rule::status_line;
  out.status = static_cast<std::uint16_t>(status);
  if (cursor.skip(' ')) out.reason = cursor.take_value();
  return cursor.skip_crlf() ? Rule::none : Rule::status_line;
}

Rule parse_head(Cursor& cursor, Arena& arena, const http::HeadLimits& limits, http::Method method,
                http::ResponseHead& out) {
  Rule rule = parse_status_line(cursor, out);
  if (rule == Rule::none) rule = parse_fields(cursor, arena, limits.fields, out.fields);
  if (rule == Rule::none) rule = parse_framing(out.fields, out.minor, out.framing, out.length);
  ConnectionOptions options;
  if (rule == Rule::none) rule = parse_connection(out.fields, options);
  if (rule != Rule::none) return rule;
  out.keep_alive = keeps_alive(options, out.minor);
  if (out.status < 200 || out.status == 204) {
    // RFC 9110 §8.6 and RFC 9112 §6.1 forbid both here; a zero length is the one harmless slip.
    if (out.framing == Framing::chunked || out.length != 0) return Rule::bodiless_length;
    out.framing = Framing::none;
    return Rule::none;
  }
  if (out.framing == Framing::none && out.status != 304 && method != http::Method::head) {
    out.framing = Framing::until_close;
    out.keep_alive = false;
  }
  return Rule::none;
}

}  // namespace

Rule check_response_start(std::string_view bytes) {
  constexpr std::string_view kStart = "HTTP/1.";
  constexpr std::size_t kName = 5;
  const std::string_view start = bytes.substr(0, kStart.size());
  if (start == kStart.substr(0, start.size())) return Rule::none;
  const std::string_view name = start.substr(0, kName);
  return name == kStart.substr(0, name.size()) ? Rule::bad_version : Rule::not_http;
}

Error parse_response(std::string_view head, Arena& arena, const http::HeadLimits& limits, http::Method method,
                     http::ResponseHead& out) {
  Cursor cursor{head.data(), head.data() + head.size()};
  const Rule rule = parse_head(cursor, arena, limits, method, out);
  return rule == Rule::none ? Error{} : broken(rule);
}

Error parse_trailers(std::string_view section, Arena& arena, const http::HeadLimits& limits,
                     http::Fields& out) {
  Cursor cursor{section.data(), section.data() + section.size()};
  const Rule rule = parse_fields(cursor, arena, limits.fields, out);
  if (rule != Rule::none) return broken(rule == Rule::field_count ? Rule::trailer_size : rule);
  for (const http::Field& field : out.all()) {
    if (http::forbidden_in_trailers(field)) return broken(Rule::trailer_field);
  }
  return {};
}

}  // namespace sluice::http1
