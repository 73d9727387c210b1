#include "sluice/base/text.hpp"
#include "sluice/http/authority.hpp"
#include "sluice/http/target.hpp"
#include "sluice/http1/head.hpp"

#include "http1/field_lines.hpp"

#include <algorithm>

namespace sluice::http1 {
namespace {

using http::Field;
using http::FieldId;
using http::Framing;

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
Rule parse_absolute(std::string_view target, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  if (target.size() > kHttps.size() && iequals(target.substr(0, kHttps.size()), kHttps)) {
    absolute.https = true;
    target.remove_prefix(kHttps.size());
  } else if (target.size() > kHttp.size() && iequals(target.substr(0, kHttp.size()), kHttp)) {
    target.remove_prefix(kHttp.size());
  } else {
    return Rule::target_form;
  }
  // Looked for one byte at a time, and no further than an authority can reach.
  const std::string_view front = target.substr(0, http::kLongestAuthority + 1);
  const std::size_t end = std::min(front.find_first_of("/?"), front.size());
  const Rule rule = http::parse_authority(target.substr(0, end), arena, absolute.authority);
  if (rule != Rule::none) return rule;
  absolute.present = true;
  absolute.text = target.substr(0, end);
  target.remove_prefix(end);
  if (target.empty()) {
    out.target = out.method == http::Method::options ? "*" : "/";
  } else {
    out.target = target.front() == '?' ? arena.join({"/", target}) : target;
  }
  return Rule::none;
}

Rule parse_target(std::string_view target, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  out.target = target;
  if (target.front() != '/' && target != "*") {
    if (const Rule rule = parse_absolute(target, arena, out, absolute); rule != Rule::none) return rule;
  }
  if (out.target == "*") {
    if (out.method != http::Method::options) return Rule::asterisk_form;
    out.path = "/";
    return Rule::none;
  }
  if (const Rule rule = http::check_origin_form(out.target, out.dotted); rule != Rule::none) return rule;
  out.path = out.target.substr(0, out.target.find('?'));
  return Rule::none;
}

Rule parse_host(const AbsoluteForm& absolute, Arena& arena, http::RequestHead& out) {
  const Field* host = nullptr;
  for (const Field& field : out.fields.all()) {
    if (field.id != FieldId::host) continue;
    if (host != nullptr) return Rule::two_hosts;
    host = &field;
  }
  if (host == nullptr) {
    // HTTP/1.0 knows no Host; a 1.1 request without one is invalid even in absolute-form (RFC 9112 §3.2).
    if (out.minor == 1) return Rule::missing_host;
    out.authority = absolute.text;
    out.host = absolute.authority.host;
    return Rule::none;
  }
  http::Authority authority;
  if (const Rule rule = http::parse_authority(host->value, arena, authority); rule != Rule::none) return rule;
  if (absolute.present &&
      (absolute.authority.host != authority.host || effective_port(absolute.authority.port, absolute.https) !=
                                                        effective_port(authority.port, absolute.https))) {
    return Rule::absolute_form_host;
  }
  out.authority = host->value;
  out.host = authority.host;
  return Rule::none;
}

Rule parse_expect(http::RequestHead& out) {
  if (!out.fields.has(FieldId::expect)) return Rule::none;
  for (const Field& field : out.fields.all()) {
    if (field.id != FieldId::expect) continue;
    if (!iequals(field.value, "100-continue")) return Rule::bad_expectation;
    out.expect_continue = out.minor == 1;  // RFC 9110 §10.1.1: ignored in HTTP/1.0
  }
  return Rule::none;
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

// Why the target, which ends at `stop`, is not followed by a space.
[[gnu::cold]] Rule target_rule(std::string_view target, char stop) {
  if (target.empty() || stop == '\r' || stop == '\t') return Rule::request_line;
  return target.find('?') == std::string_view::npos ? Rule::path_byte : Rule::query_byte;
}

// Why there is no version, and only that, from `text` to the end of the line.
[[gnu::cold]] Rule version_rule(std::string_view text) {
  const std::string_view rest = text.substr(0, text.find('\r'));
  const bool other_words = rest.empty() || rest.find(' ') != std::string_view::npos;
  return other_words ? Rule::request_line : Rule::bad_version;
}

Rule parse_request_line(Cursor& cursor, Arena& arena, http::RequestHead& out, AbsoluteForm& absolute) {
  const char* const from = cursor.at;
  out.method_text = cursor.take_while(http::kMethod);
  if (out.method_text.empty() || out.method_text.size() > http::kLongestMethod ||
      !is_alpha(out.method_text.front()) || !cursor.skip(' ')) {
    return check_request_start({from, static_cast<std::size_t>(cursor.end - from)});
  }
  out.method = http::method_of(out.method_text);
  // Any byte above space ends up in front of the target's own check.
  const std::string_view target = cursor.take_word();
  if (target.empty() || !cursor.skip(' ')) return target_rule(target, *cursor.at);
  const char* const version = cursor.at;
  const Rule spoken = parse_version(cursor, out.minor);
  if (spoken == Rule::other_version) return spoken;
  if (spoken != Rule::none || !cursor.skip_crlf()) {
    return version_rule({version, static_cast<std::size_t>(cursor.end - version)});
  }
  if (out.method == http::Method::connect || out.method == http::Method::trace) return Rule::method_denied;
  return parse_target(target, arena, out, absolute);
}

// What follows the request line.
Rule parse_rest(Cursor& cursor, Arena& arena, const http::HeadLimits& limits, const AbsoluteForm& absolute,
                http::RequestHead& out) {
  Rule rule = parse_fields(cursor, arena, limits.fields, out.fields);
  if (rule == Rule::none) rule = parse_host(absolute, arena, out);
  if (rule == Rule::none) rule = parse_framing(out.fields, out.minor, out.framing, out.length);
  if (rule != Rule::none) return rule;
  if (out.framing == Framing::length && out.length == 0 && out.method == http::Method::get) {
    out.framing = Framing::none;
  }
  ConnectionOptions options;
  rule = parse_connection(out.fields, options);
  if (rule != Rule::none) return rule;
  out.keep_alive = keeps_alive(options, out.minor);
  for_each_element(out.fields.value(FieldId::te), [&out](std::string_view coding) {
    out.trailers_wanted = out.trailers_wanted || iequals(coding, "trailers");
    return true;
  });
  rule = parse_expect(out);
  if (rule == Rule::none) parse_upgrade(options.upgrade, out);
  return rule;
}

}  // namespace

Error check_request_line(std::string_view line, Arena& arena) {
  Cursor cursor{line.data(), line.data() + line.size()};
  AbsoluteForm absolute;
  http::RequestHead scratch;
  const Rule rule = parse_request_line(cursor, arena, scratch, absolute);
  return rule == Rule::none ? Error{} : broken(rule);
}

Error parse_request(std::string_view head, Arena& arena, const http::HeadLimits& limits,
                    http::RequestHead& out) {
  Cursor cursor{head.data(), head.data() + head.size()};
  AbsoluteForm absolute;
  if (const Rule rule = parse_request_line(cursor, arena, out, absolute); rule != Rule::none) {
    // The fields all the same, for the answer's sake: Accept, and the log's.
    cursor.at = head.data() + head.find("\r\n") + 2;
    parse_fields(cursor, arena, limits.fields, out.fields);
    return broken(rule);
  }
  const Rule rule = parse_rest(cursor, arena, limits, absolute, out);
  return rule == Rule::none ? Error{} : broken(rule);
}

}  // namespace sluice::http1
