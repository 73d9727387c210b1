#include "http1/field_lines.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"

#include <cstring>

namespace sluice::http1 {
namespace {

using http::Field;
using http::FieldId;
using http::Fields;
using http::Framing;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Why a line that begins at `from` has no colon at `stop`, where its name ends.
[[gnu::cold]] Rule name_rule(const char* from, const char* stop, const char* end) {
  const std::string_view line(from, static_cast<std::size_t>(end - from));
  const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  if (rest.starts_with('\r')) {
    return from != stop && rest.starts_with("\r\n") ? Rule::missing_colon : Rule::bare_cr;
  }
  if (rest.empty() || !is_blank(rest.front())) return Rule::field_name;
  if (from == stop) return Rule::obs_fold;
  const std::size_t next = rest.find_first_not_of(" \t");
  if (next != std::string_view::npos && rest[next] == ':') return Rule::space_before_colon;
  return line.substr(0, line.find('\r')).find(':') == std::string_view::npos ? Rule::missing_colon
                                                                             : Rule::field_name;
}

// Up to and with the colon.
Rule parse_field_name(Cursor& cursor, Field& field) {
  const char* stop = http::end_of_plain_name(cursor.at, cursor.end);
  const bool plain = *stop == ':';
  while (!plain && http::is(*stop, http::kToken))
    ++stop;
  const char* const from = cursor.at;
  field.name = cursor.take_up_to(stop);
  // An empty name, a space before the colon, a folded line: none of them gets here with a colon next.
  if (field.name.empty() || !cursor.skip(':')) return name_rule(from, stop, cursor.end);
  field.id = plain ? http::plain_field_id(field.name) : http::field_id(field.name);
  return Rule::none;
}

// Up to and with the line break.
Rule parse_field_value(Cursor& cursor, Field& field) {
  const bool spaced = cursor.skip(' ');  // nearly always there, and just one
  const std::string_view value = cursor.take_value();
  field.value = trim_ows(value);
  if (spaced && field.value.size() == value.size()) field.form = http::FieldForm::line;
  if (cursor.skip_crlf()) return Rule::none;
  return *cursor.at == '\r' ? Rule::bare_cr : Rule::field_value;
}

}  // namespace

Rule parse_fields(Cursor& cursor, Arena& arena, std::uint32_t limit, Fields& out) {
  while (!cursor.skip_crlf()) {
    if (cursor.at == cursor.end) return Rule::missing_colon;
    Field field;
    if (const Rule rule = parse_field_name(cursor, field); rule != Rule::none) return rule;
    if (const Rule rule = parse_field_value(cursor, field); rule != Rule::none) return rule;
    if (out.size() == limit) return Rule::field_count;
    out.add(arena, field.name, field.value, field.id, field.form);
  }
  return cursor.at == cursor.end ? Rule::none : Rule::field_name;
}

Rule parse_framing(const Fields& fields, std::uint8_t minor, Framing& framing, std::uint64_t& length) {
  const bool has_length = fields.has(FieldId::content_length);
  const bool has_coding = fields.has(FieldId::transfer_encoding);
  if (!has_length && !has_coding) return Rule::none;
  if (has_length && has_coding) return Rule::length_and_coding;
  bool seen = false;
  for (const Field& field : fields.all()) {
    if (field.id == FieldId::content_length) {
      const Rule rule = http::take_content_length(field.value, seen, length);
      if (rule != Rule::none) return rule;
      framing = Framing::length;
    } else if (field.id == FieldId::transfer_encoding) {
      if (minor == 0) return Rule::old_coding;
      if (seen || !iequals(field.value, "chunked")) return Rule::bad_coding;
      framing = Framing::chunked;
      seen = true;
    }
  }
  return Rule::none;
}

Rule parse_connection(const Fields& fields, ConnectionOptions& out) {
  if (!fields.has(FieldId::connection)) return Rule::none;
  std::size_t count = 0;
  for (const Field& field : fields.all()) {
    if (field.id != FieldId::connection) continue;
    const bool whole = for_each_element(field.value, [&](std::string_view option) {
      ++count;
      if (iequals(option, "close")) out.close = true;
      if (iequals(option, "keep-alive")) out.keep_alive = true;
      if (iequals(option, "upgrade")) out.upgrade = true;
      return true;
    });
    if (!whole || count > http::kMostConnectionOptions) return Rule::connection_options;
  }
  return Rule::none;
}

Rule parse_version(Cursor& cursor, std::uint8_t& minor) {
  // Eight bytes may be read: the head's last CRLF CRLF alone is four, so ask first.
  if (cursor.end - cursor.at < 8) return Rule::bad_version;
  if (std::memcmp(cursor.at, "HTTP/", 5) != 0 || !is_digit(cursor.at[5]) || cursor.at[6] != '.' ||
      !is_digit(cursor.at[7])) {
    return Rule::bad_version;
  }
  const char major_digit = cursor.at[5];
  const char minor_digit = cursor.at[7];
  cursor.at += 8;
  if (major_digit != '1' || minor_digit > '1') return Rule::other_version;
  minor = static_cast<std::uint8_t>(minor_digit - '0');
  return Rule::none;
}

}  // namespace sluice::http1
