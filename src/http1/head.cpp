#include "sluice/http1/head.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/authority.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/syntax.hpp"
#include "sluice/http/target.hpp"

#include <cstring>
#include <utility>

namespace sluice::http1 {
namespace {

using http::Field;
using http::FieldId;
using http::Fields;
using http::Framing;

constexpr Error kNone{};
// A place in a head that is known to end with an empty line: as long as `at` is not `end`, a carriage return
// is still to come, and stops every look-ahead.
struct Cursor {
  const char* at;
  const char* end;

  std::string_view take_while(std::uint8_t what) {
    const char* from = at;
    while (http::is(*at, what))
      ++at;
    return {from, static_cast<std::size_t>(at - from)};
  }
  std::string_view take_value() { return take_up_to(http::end_of_value(at, end)); }
  std::string_view take_word() { return take_up_to(http::end_of_word(at, end)); }
  std::string_view take_up_to(const char* stop) {
    const char* const from = std::exchange(at, stop);
    return {from, static_cast<std::size_t>(stop - from)};
  }
  bool skip(char c) {
    if (*at != c) return false;
    ++at;
    return true;
  }
  bool skip_crlf() {
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return false;
    at += 2;
    return true;
  }
};

// Up to and with the colon. False: malformed.
bool parse_field_name(Cursor& cursor, Field& field) {
  const char* stop = http::end_of_plain_name(cursor.at, cursor.end);
  const bool plain = *stop == ':';
  while (!plain && http::is(*stop, http::kToken))
    ++stop;
  field.name = cursor.take_up_to(stop);
  // An empty name, a space before the colon, a folded line: none of them gets here with a colon next.
  if (field.name.empty() || !cursor.skip(':')) return false;
  field.id = plain ? http::plain_field_id(field.name) : http::field_id(field.name);
  return true;
}

// Up to and with the line break. False: malformed.
bool parse_field_value(Cursor& cursor, Field& field) {
  const bool spaced = cursor.skip(' ');  // nearly always there, and just one
  const std::string_view value = cursor.take_value();
  field.value = trim_ows(value);
  if (spaced && field.value.size() == value.size()) field.form = http::FieldForm::line;
  return cursor.skip_crlf();
}

// Field lines up to and with the empty line. False: malformed.
bool parse_fields(Cursor& cursor, Arena& arena, std::uint32_t limit, Fields& out, bool& too_many) {
  while (!cursor.skip_crlf()) {
    if (cursor.at == cursor.end) return false;
    Field field;
    if (!parse_field_name(cursor, field) || !parse_field_value(cursor, field)) return false;
    if (out.size() == limit) {
      too_many = true;
      return false;
    }
    out.add(arena, field.name, field.value, field.id, field.form);
  }
  return cursor.at == cursor.end;
}

// What Content-Length and Transfer-Encoding say together; RFC 9112 §6. False: invalid or ambiguous.
bool parse_framing(const Fields& fields, std::uint8_t minor, Framing& framing, std::uint64_t& length) {
  const bool has_length = fields.has(FieldId::content_length);
  const bool has_coding = fields.has(FieldId::transfer_encoding);
  if (!has_length && !has_coding) return true;
  if (has_length && has_coding) return false;
  bool seen = false;
  for (const Field& field : fields.all()) {
    if (field.id == FieldId::content_length) {
      const auto parsed = http::parse_content_length(field.value);
      if (seen || !parsed) return false;
      length = *parsed;
      framing = Framing::length;
      seen = true;
    } else if (field.id == FieldId::transfer_encoding) {
      if (seen || minor == 0 || !iequals(field.value, "chunked")) return false;
      framing = Framing::chunked;
      seen = true;
    }
  }
  return true;
}

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

// False: more options than http::drop_hop_by_hop looks at.
bool parse_connection(const Fields& fields, ConnectionOptions& out) {
  if (!fields.has(FieldId::connection)) return true;
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
    if (!whole || count > http::kMostConnectionOptions) return false;
  }
  return true;
}

bool keeps_alive(const ConnectionOptions& options, std::uint8_t minor) {
  if (options.close) return false;
  return minor == 1 || options.keep_alive;
}

// "HTTP/1.1" and "HTTP/1.0"; any other "HTTP/D.D" is a version we do not speak.
Error parse_version(Cursor& cursor, std::uint8_t& minor) {
  // Eight bytes may be read: the head's last CRLF CRLF alone is four, so ask first.
  if (cursor.end - cursor.at < 8) return {ErrorKind::malformed};
  if (std::memcmp(cursor.at, "HTTP/", 5) != 0 || !is_digit(cursor.at[5]) || cursor.at[6] != '.' ||
      !is_digit(cursor.at[7])) {
    return {ErrorKind::malformed};
  }
  const char major_digit = cursor.at[5];
  const char minor_digit = cursor.at[7];
  cursor.at += 8;
  if (major_digit != '1' || minor_digit > '1') return {ErrorKind::version_unsupported};
  minor = static_cast<std::uint8_t>(minor_digit - '0');
  return kNone;
}

constexpr std::uint16_t effective_port(std::uint16_t port, bool https) {
  if (port != 0) return port;
  return https ? 443 : 80;
}

// The authority in an absolute-form target; kept until Host is known.
struct AbsoluteForm {
  bool present = false;
  bool https = false;
  std::string_view text;
  http::Authority authority;
};

// "http://authority/path" becomes origin-form (RFC 9112 §3.2.2).
Error parse_absolute(std::string_view target, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  if (target.size() > kHttps.size() && iequals(target.substr(0, kHttps.size()), kHttps)) {
    absolute.https = true;
    target.remove_prefix(kHttps.size());
  } else if (target.size() > kHttp.size() && iequals(target.substr(0, kHttp.size()), kHttp)) {
    target.remove_prefix(kHttp.size());
  } else {
    return {ErrorKind::malformed};
  }
  // Looked for one byte at a time, and no further than an authority can reach.
  const std::string_view front = target.substr(0, http::kLongestAuthority + 1);
  const std::size_t end = std::min(front.find_first_of("/?"), front.size());
  const auto authority = http::parse_authority(target.substr(0, end), arena);
  if (!authority) return {ErrorKind::malformed};
  absolute.present = true;
  absolute.text = target.substr(0, end);
  absolute.authority = *authority;
  target.remove_prefix(end);
  if (target.empty()) {
    out.target = out.method == http::Method::options ? "*" : "/";
  } else {
    out.target = target.front() == '?' ? arena.join({"/", target}) : target;
  }
  return kNone;
}

Error parse_target(std::string_view target, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  out.target = target;
  if (target.front() != '/' && target != "*") {
    if (const Error error = parse_absolute(target, arena, out, absolute)) return error;
  }
  if (out.target == "*") {
    if (out.method != http::Method::options) return {ErrorKind::malformed};
    out.path = "/";
    return kNone;
  }
  if (!http::valid_origin_form(out.target, out.dotted)) return {ErrorKind::malformed};
  out.path = out.target.substr(0, out.target.find('?'));
  return kNone;
}

Error parse_host(const AbsoluteForm& absolute, Arena& arena, http::RequestHead& out) {
  const Field* host = nullptr;
  for (const Field& field : out.fields.all()) {
    if (field.id != FieldId::host) continue;
    if (host != nullptr) return {ErrorKind::malformed};
    host = &field;
  }
  if (host == nullptr) {
    // HTTP/1.0 knows no Host; a 1.1 request without one is invalid even in absolute-form (RFC 9112 §3.2).
    if (out.minor == 1) return {ErrorKind::malformed};
    out.authority = absolute.text;
    out.host = absolute.authority.host;
    return kNone;
  }
  const auto authority = http::parse_authority(host->value, arena);
  if (!authority) return {ErrorKind::malformed};
  if (absolute.present && (absolute.authority.host != authority->host ||
                           effective_port(absolute.authority.port, absolute.https) !=
                               effective_port(authority->port, absolute.https))) {
    return {ErrorKind::malformed};
  }
  out.authority = host->value;
  out.host = authority->host;
  return kNone;
}

Error parse_expect(http::RequestHead& out) {
  if (!out.fields.has(FieldId::expect)) return kNone;
  for (const Field& field : out.fields.all()) {
    if (field.id != FieldId::expect) continue;
    if (!iequals(field.value, "100-continue")) return {ErrorKind::expectation_failed};
    out.expect_continue = out.minor == 1;  // RFC 9110 §10.1.1: ignored in HTTP/1.0
  }
  return kNone;
}

// A tunnel comes of one well-named protocol, asked for without a body. "h2c" and its drafts never: it would
// open a second, unguarded way to the application. Ignoring an Upgrade is always right (RFC 9110 §7.8).
void parse_upgrade(bool wanted, http::RequestHead& out) {
  if (!wanted || !out.fields.has(FieldId::upgrade) || out.minor == 0 || out.framing != Framing::none) return;
  if (out.fields.has(FieldId::http2_settings)) return;
  std::string_view protocol;
  for (const Field& field : out.fields.all()) {
    if (field.id != FieldId::upgrade) continue;
    if (!protocol.empty() || field.value.empty()) return;
    protocol = field.value;
  }
  for (const char c : protocol) {
    if (!http::is(c, http::kToken) && c != '/') return;
  }
  if (iequals(protocol.substr(0, 2), "h2") || iequals(protocol.substr(0, 4), "http")) return;
  out.upgrade = protocol;
}

Error parse_request_line(Cursor& cursor, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  out.method_text = cursor.take_while(http::kMethod);
  if (out.method_text.empty() || out.method_text.size() > http::kLongestMethod ||
      !is_alpha(out.method_text.front()) || !cursor.skip(' ')) {
    return {ErrorKind::malformed};
  }
  out.method = http::method_of(out.method_text);
  // Any byte above space ends up in front of the target's own check.
  const std::string_view target = cursor.take_word();
  if (target.empty() || !cursor.skip(' ')) return {ErrorKind::malformed};
  if (const Error error = parse_version(cursor, out.minor)) return error;
  if (!cursor.skip_crlf()) return {ErrorKind::malformed};
  if (out.method == http::Method::connect || out.method == http::Method::trace)
    return {ErrorKind::method_refused};
  return parse_target(target, arena, out, absolute);
}

Error parse_status_line(Cursor& cursor, http::ResponseHead& out) {
  if (const Error error = parse_version(cursor, out.minor)) return {ErrorKind::malformed};
  if (!cursor.skip(' ')) return {ErrorKind::malformed};
  unsigned status = 0;
  for (int i = 0; i < 3; ++i) {
    if (!is_digit(*cursor.at)) return {ErrorKind::malformed};
    status = status * 10 + static_cast<unsigned>(*cursor.at++ - '0');
  }
  // RFC 9110 §15: 100..599. The space before an empty reason is often left out, and nothing hangs on it.
  if (status < 100 || status > 599) return {ErrorKind::malformed};
  out.status = static_cast<std::uint16_t>(status);
  if (cursor.skip(' ')) out.reason = cursor.take_value();
  return cursor.skip_crlf() ? kNone : Error{ErrorKind::malformed};
}

Error field_error(bool too_many) { return {too_many ? ErrorKind::head_too_large : ErrorKind::malformed}; }

}  // namespace

// A line feed at `index`. Incomplete: the head goes on.
inline HeadScanner::State HeadScanner::take_line(const char* begin, std::size_t index) {
  if (index == 0 || begin[index - 1] != '\r') return State::malformed;
  if (index > 1 && begin[index - 2] == '\r') return State::malformed;
  if (index - line_end_ == 1) {
    size_ = index + 1;
    return State::complete;
  }
  line_end_ = index + 1;
  if (first_line_ == 0) first_line_ = index + 1;
  return State::incomplete;
}

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  const char* const begin = bytes.data();
  std::size_t at = scanned_;
#if defined(__SSE2__)
  // Lines are short: looking for each by itself would cost a call for every thirty bytes.
  const __m128i feed = _mm_set1_epi8('\n');
  for (; bytes.size() - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, feed)));
    for (; mask != 0; mask &= mask - 1) {
      const State state = take_line(begin, at + static_cast<std::size_t>(__builtin_ctz(mask)));
      if (state != State::incomplete) return state;
    }
  }
#endif
  for (; at < bytes.size(); ++at) {
    if (begin[at] != '\n') continue;
    const State state = take_line(begin, at);
    if (state != State::incomplete) return state;
  }
  scanned_ = bytes.size();
  return State::incomplete;
}

bool plausible_request_start(std::string_view bytes) {
  // The longest method and its space; what follows may be anything yet.
  for (std::size_t i = 0; i < bytes.size() && i <= http::kLongestMethod; ++i) {
    if (i > 0 && bytes[i] == ' ') return true;
    if (!http::is(bytes[i], http::kMethod) || (i == 0 && !is_alpha(bytes[i]))) return false;
  }
  return bytes.size() <= http::kLongestMethod;
}

Error check_request_line(std::string_view line, Arena& arena) {
  Cursor cursor{line.data(), line.data() + line.size()};
  AbsoluteForm absolute;
  http::RequestHead scratch;
  return parse_request_line(cursor, arena, scratch, absolute);
}

Error parse_request(std::string_view head, Arena& arena, const http::HeadLimits& limits,
                    http::RequestHead& out) {
  Cursor cursor{head.data(), head.data() + head.size()};
  AbsoluteForm absolute;
  bool too_many = false;
  if (const Error error = parse_request_line(cursor, arena, out, absolute)) {
    // The fields all the same, for the answer's sake: Accept, and the log's.
    cursor.at = head.data() + head.find("\r\n") + 2;
    parse_fields(cursor, arena, limits.fields, out.fields, too_many);
    return error;
  }
  if (!parse_fields(cursor, arena, limits.fields, out.fields, too_many)) return field_error(too_many);
  if (const Error error = parse_host(absolute, arena, out)) return error;
  if (!parse_framing(out.fields, out.minor, out.framing, out.length)) return {ErrorKind::malformed};
  if (out.framing == Framing::length && out.length == 0 && out.method == http::Method::get) {
    out.framing = Framing::none;
  }
  ConnectionOptions options;
  if (!parse_connection(out.fields, options)) return {ErrorKind::malformed};
  out.keep_alive = keeps_alive(options, out.minor);
  for_each_element(out.fields.value(FieldId::te), [&out](std::string_view coding) {
    out.trailers_wanted = out.trailers_wanted || iequals(coding, "trailers");
    return true;
  });
  if (const Error error = parse_expect(out)) return error;
  parse_upgrade(options.upgrade, out);
  return kNone;
}

Error parse_response(std::string_view head, Arena& arena, const http::HeadLimits& limits, http::Method method,
                     http::ResponseHead& out) {
  Cursor cursor{head.data(), head.data() + head.size()};
  if (const Error error = parse_status_line(cursor, out)) return error;
  bool too_many = false;
  if (!parse_fields(cursor, arena, limits.fields, out.fields, too_many)) return field_error(too_many);
  if (!parse_framing(out.fields, out.minor, out.framing, out.length)) return {ErrorKind::malformed};
  ConnectionOptions options;
  if (!parse_connection(out.fields, options)) return {ErrorKind::malformed};
  out.keep_alive = keeps_alive(options, out.minor);
  if (out.status < 200 || out.status == 204) {
    // RFC 9110 §8.6 and RFC 9112 §6.1 forbid both here; a zero length is the one harmless slip.
    if (out.framing == Framing::chunked || out.length != 0) return {ErrorKind::malformed};
    out.framing = Framing::none;
    return kNone;
  }
  if (out.framing == Framing::none && out.status != 304 && method != http::Method::head) {
    out.framing = Framing::until_close;
    out.keep_alive = false;
  }
  return kNone;
}

Error parse_trailers(std::string_view section, Arena& arena, const http::HeadLimits& limits,
                     http::Fields& out) {
  Cursor cursor{section.data(), section.data() + section.size()};
  bool too_many = false;
  if (!parse_fields(cursor, arena, limits.fields, out, too_many)) return {ErrorKind::malformed};
  for (const Field& field : out.all()) {
    if (http::forbidden_in_trailers(field)) return {ErrorKind::malformed};
  }
  return kNone;
}

}  // namespace sluice::http1
