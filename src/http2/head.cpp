#include "http2/head.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/authority.hpp"
#include "sluice/http/syntax.hpp"
#include "sluice/http/target.hpp"

#include "http2/header_block.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

using http::Field;
using http::FieldId;
using http::Framing;
using http::Method;

struct RequestSink {
  static constexpr Side kSide = Side::downstream;
  Arena& arena;
  http::RequestHead& out;
  RequestPseudo& extra;
  std::string_view method{};
  std::string_view path{};
  std::string_view authority{};
  std::string_view host{};
  bool has_length = false;
  bool bad_expectation = false;
  bool long_path = false;
  std::uint32_t crumbs = 0;

  void too_large(const HpackField& field) { long_path = field.name == ":path"; }

  Rule pseudo(const HpackField& field) {
    if (field.name == ":method") {
      const Rule rule = set_once(method, field.value);
      return rule == Rule::none && !http::all_of(method, http::kToken) ? Rule::bad_method : rule;
    }
    if (field.name == ":path") {
      const Rule rule = set_once(path, field.value);
      const bool spaced = rule == Rule::none && path.find(' ') != std::string_view::npos;
      return spaced ? Rule::path_byte : rule;
    }
    if (field.name == ":scheme") return set_once(extra.scheme, field.value);
    if (field.name == ":authority") return set_once(authority, field.value);
    if (field.name == ":protocol") return set_once(extra.protocol, field.value);
    return Rule::pseudo_unknown;
  }

  Rule regular(const HpackField& field) {
    switch (field.id) {
      case FieldId::te:
        out.trailers_wanted = iequals(field.value, "trailers");
        return out.trailers_wanted ? Rule::none : Rule::te_field;
      case FieldId::host:  // written anew from the authority
        if (host.data() != nullptr) return Rule::two_hosts;
        return set_once(host, field.value) == Rule::none ? Rule::none : Rule::missing_host;
      case FieldId::content_length: {
        const Rule rule = http::take_content_length(field.value, has_length, out.length);
        if (rule != Rule::none) return rule;
        extra.length = out.length;
        break;
      }
      case FieldId::cookie: ++crumbs; break;
      case FieldId::expect:
        out.expect_continue = iequals(field.value, "100-continue");
        bad_expectation = !out.expect_continue;
        break;
      default:
        if (field.name == "priority") extra.priority = field.value;
        break;
    }
    out.fields.add(arena, field.name, field.value, field.id);
    return Rule::none;
  }
};

// "a=1" and "b=2" as one "a=1; b=2", RFC 9113 §8.2.3: an HTTP/1.1 server expects one field.
void join_cookies(Arena& arena, http::Fields& fields) {
  std::size_t size = 0;
  for (const Field& field : fields.all()) {
    if (field.id == FieldId::cookie) size += field.value.size() + 2;
  }
  char* const joined = arena.array<char>(size);
  char* at = joined;
  for (Field& field : fields.all()) {
    if (field.id != FieldId::cookie) continue;
    if (at != joined) {
      *at++ = ';';
      *at++ = ' ';
    }
    at = std::copy(field.value.begin(), field.value.end(), at);
    field.dropped = true;
  }
  fields.add(arena, "cookie", {joined, static_cast<std::size_t>(at - joined)}, FieldId::cookie);
}

std::uint16_t port_of(const http::Authority& authority, std::string_view scheme) {
  if (authority.port != 0) return authority.port;
  return scheme == "https" ? 443 : 80;
}

// :authority, Host, or both if they agree (RFC 9113 §8.3.1).
BlockResult take_authority(const RequestSink& sink, Arena& arena, http::RequestHead& out) {
  const std::string_view text = sink.authority.empty() ? sink.host : sink.authority;
  if (text.empty()) return malformed(Rule::missing_host);
  http::Authority authority;
  if (const Rule rule = http::parse_authority(text, arena, authority); rule != Rule::none)
    return refused(rule);
  if (!sink.authority.empty() && !sink.host.empty()) {
    http::Authority host;
    const std::string_view scheme = sink.extra.scheme;
    if (http::parse_authority(sink.host, arena, host) != Rule::none || host.host != authority.host ||
        port_of(host, scheme) != port_of(authority, scheme))
      return malformed(Rule::authority_host);
  }
  out.authority = text;
  out.host = authority.host;
  return {};
}

BlockResult take_target(std::string_view path, http::RequestHead& out) {
  out.target = path;
  if (path == "*") {
    if (out.method != Method::options) return refused(Rule::asterisk_form);
    out.path = "/";
    return {};
  }
  if (const Rule rule = http::check_origin_form(path, out.dotted); rule != Rule::none) return refused(rule);
  out.path = path.substr(0, path.find('?'));
  return {};
}

// An extended CONNECT (RFC 8441) means what GET with Upgrade means in HTTP/1.1. Without it CONNECT asks for a
// forward proxy, which this is not.
BlockResult take_connect(RequestSink& sink, bool end_stream, http::RequestHead& out) {
  if (sink.extra.protocol.empty()) {
    const bool bare = sink.extra.scheme.empty() && sink.path.empty() && !sink.authority.empty();
    return bare ? refused(Rule::method_denied) : malformed(Rule::connect_form);
  }
  if (end_stream || sink.has_length) return malformed(Rule::connect_form);
  if (sink.extra.protocol != "websocket") return refused(Rule::method_denied);
  out.method_text = "GET";
  out.method = Method::get;
  out.upgrade = "websocket";
  return {};
}

void take_framing(bool has_length, bool end_stream, http::RequestHead& out) {
  const bool expects_body =
      out.method == Method::post || out.method == Method::put || out.method == Method::patch;
  if (!end_stream) {
    // A length of 0 must still be waited for: what is not over might break its word.
    out.framing = has_length && out.length != 0 ? Framing::length : Framing::chunked;
  } else if (expects_body) {
    out.framing = Framing::length;  // of 0: some servers insist on being told
  }
  if (!out.upgrade.empty()) out.framing = Framing::none;
}

BlockResult finish_request(RequestSink& sink, bool end_stream, Arena& arena, http::RequestHead& out) {
  out.major = 2;
  out.minor = 0;
  out.method_text = sink.method;
  out.method = http::method_of(sink.method);
  if (sink.method.empty()) return malformed(Rule::pseudo_missing);
  if (out.method == Method::connect) {
    const BlockResult result = take_connect(sink, end_stream, out);
    if (result.verdict != Block::good) return result;
  } else if (!sink.extra.protocol.empty()) {
    return malformed(Rule::connect_form);
  }
  if (sink.extra.scheme.empty() || sink.path.empty()) return malformed(Rule::pseudo_missing);
  const BlockResult authority = take_authority(sink, arena, out);
  if (authority.verdict == Block::malformed) return authority;
  const BlockResult target = take_target(sink.path, out);
  if (sink.has_length && end_stream && out.length != 0) return malformed(Rule::body_length);
  if (sink.crumbs > 1) join_cookies(arena, out.fields);
  take_framing(sink.has_length, end_stream, out);
  if (authority.verdict != Block::good) return authority;
  if (target.verdict != Block::good) return target;
  const bool http = sink.extra.scheme == "http" || sink.extra.scheme == "https";
  if (!http) return refused(Rule::bad_scheme);
  if (!http::all_of(sink.method, http::kMethod) || sink.method.size() > http::kLongestMethod)
    return refused(Rule::bad_method);
  if (out.method == Method::trace) return refused(Rule::method_denied);
  if (sink.bad_expectation) return refused(Rule::bad_expectation);
  return {};
}

// What was understood of a malformed request, for the log's sake.
void keep_understood(const RequestSink& sink, Arena& arena, http::RequestHead& out) {
  out.major = 2;
  out.minor = 0;
  out.method_text = sink.method;
  out.target = sink.path;
  out.path = sink.path.substr(0, sink.path.find('?'));
  http::Authority authority;
  if (http::parse_authority(sink.authority, arena, authority) == Rule::none) out.host = authority.host;
}

}  // namespace

bool connection_specific(FieldId id) {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::transfer_encoding:
    case FieldId::upgrade: return true;
    default: return false;
  }
}

BlockResult read_request(HpackDecoder& decoder, std::string_view block, bool end_stream,
                         const http::HeadLimits& limits, Arena& arena, http::RequestHead& out,
                         RequestPseudo& pseudo) {
  RequestSink sink{arena, out, pseudo};
  BlockResult result = read_block(decoder, block, limits, arena, sink);
  if (result.verdict == Block::refused) {
    // What was left out may be what is missing: too large comes first.
    finish_request(sink, end_stream, arena, out);
    const bool long_target = sink.long_path || out.target.size() > limits.bytes / 2;
    return long_target ? refused(Rule::target_size) : result;
  }
  if (result.verdict == Block::good) result = finish_request(sink, end_stream, arena, out);
  if (result.verdict == Block::malformed) keep_understood(sink, arena, out);
  return result;
}

bool skip_block(HpackDecoder& decoder, std::string_view block) {
  decoder.begin(block);
  HpackField field;
  for (;;) {
    const HpackDecoder::Status status = decoder.next(nullptr, field);
    if (status != HpackDecoder::Status::field) return status == HpackDecoder::Status::end;
  }
}

}  // namespace sluice::http2
