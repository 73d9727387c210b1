#include "http2/head.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/authority.hpp"
#include "sluice/http/syntax.hpp"
#include "sluice/http/target.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

using http::Field;
using http::FieldId;
using http::Framing;
using http::Method;

// Beyond this many times the limit, and this many bytes, it is no mistake any more, RFC 9113 §10.5.1.
constexpr std::uint64_t kBomb = 4;
constexpr std::uint64_t kLeastBomb = 128 * 1024;
// Crumbs of a cookie for each field that a head may have; browsers send at most 180.
constexpr std::uint32_t kCrumbs = 4;
// What HTTP/1 writes around a field.
constexpr std::uint64_t kFieldCost = 4;

BlockResult refuse(ErrorKind kind) { return {Block::refused, {kind, Side::downstream}}; }

bool valid_value(std::string_view value) {
  if (value.empty()) return true;
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* const end = value.data() + value.size();
  return http::end_of_value(value.data(), end) == end && !blank(value.front()) && !blank(value.back());
}

// What all blocks have in common: the loop over the fields, the limits, the rules for ordinary fields. A
// sink takes what is left: pseudo(field) and regular(field) answer false for what is malformed;
// too_large(field) is told of the one that passed the limit.
template <class Sink>
Block read_block(HpackDecoder& decoder, std::string_view block, const http::HeadLimits& limits, Arena& arena,
                 Sink& sink) {
  decoder.begin(block);
  const std::uint64_t bomb = std::max(limits.bytes * kBomb, kLeastBomb);
  bool malformed = false;
  bool large = false;
  bool seen_regular = false;
  std::uint64_t size = 0;
  std::uint32_t count = 0;
  std::uint32_t crumbs = 0;
  HpackField field;
  for (;;) {
    const bool keep = !malformed && !large;
    const HpackDecoder::Status status = decoder.next(keep ? &arena : nullptr, field);
    if (status == HpackDecoder::Status::error) return Block::compression;
    if (status == HpackDecoder::Status::end) break;
    size += field.name_size + field.value_size + kFieldCost;
    if (size > bomb) return Block::bomb;
    if (!keep) continue;
    if (size > limits.bytes) {
      large = true;
      sink.too_large(field);
      continue;
    }
    if (field.name.starts_with(':')) {
      malformed = seen_regular || !sink.pseudo(field);
      continue;
    }
    seen_regular = true;
    // Crumbs of one cookie are one field (RFC 9113 §8.2.3), but there is an end to what one can be made of.
    if (++(field.id == FieldId::cookie ? crumbs : count) >
        limits.fields * (field.id == FieldId::cookie ? kCrumbs : 1)) {
      large = true;
    }
    malformed = field.name.empty() || !http::all_of(field.name, http::kLowerName) ||
                !valid_value(field.value) || connection_specific(field.id) || !sink.regular(field);
  }
  if (malformed) return Block::malformed;
  return large ? Block::refused : Block::good;
}

// Once only, and not empty.
bool set_once(std::string_view& slot, std::string_view value) {
  if (slot.data() != nullptr || value.empty() || !valid_value(value)) return false;
  slot = value;
  return true;
}

// A length said once, the same for all who read it.
bool take_length(const HpackField& field, bool& seen, std::uint64_t& length) {
  const auto parsed = http::parse_content_length(field.value);
  if (seen || !parsed) return false;
  seen = true;
  length = *parsed;
  return true;
}

struct RequestSink {
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

  bool pseudo(const HpackField& field) {
    if (field.name == ":method") return set_once(method, field.value) && http::all_of(method, http::kToken);
    if (field.name == ":path") return set_once(path, field.value) && path.find(' ') == std::string_view::npos;
    if (field.name == ":scheme") return set_once(extra.scheme, field.value);
    if (field.name == ":authority") return set_once(authority, field.value);
    if (field.name == ":protocol") return set_once(extra.protocol, field.value);
    return false;
  }

  bool regular(const HpackField& field) {
    switch (field.id) {
      case FieldId::te:
        return out.trailers_wanted = iequals(field.value, "trailers");  // nothing else may come
      case FieldId::host: return set_once(host, field.value);           // written anew from the authority
      case FieldId::content_length:
        if (!take_length(field, has_length, out.length)) return false;
        extra.length = out.length;
        break;
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
    return true;
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
  if (text.empty()) return {Block::malformed, {}};
  const auto authority = http::parse_authority(text, arena);
  if (!authority) return refuse(ErrorKind::malformed);
  if (!sink.authority.empty() && !sink.host.empty()) {
    const auto host = http::parse_authority(sink.host, arena);
    const std::string_view scheme = sink.extra.scheme;
    if (!host || host->host != authority->host || port_of(*host, scheme) != port_of(*authority, scheme))
      return {Block::malformed, {}};
  }
  out.authority = text;
  out.host = authority->host;
  return {};
}

BlockResult take_target(std::string_view path, http::RequestHead& out) {
  out.target = path;
  if (path == "*") {
    if (out.method != Method::options) return refuse(ErrorKind::malformed);
    out.path = "/";
    return {};
  }
  if (!http::valid_origin_form(path, out.dotted)) return refuse(ErrorKind::malformed);
  out.path = path.substr(0, path.find('?'));
  return {};
}

// An extended CONNECT (RFC 8441) means what GET with Upgrade means in HTTP/1.1. Without it CONNECT asks for a
// forward proxy, which this is not.
BlockResult take_connect(RequestSink& sink, bool end_stream, http::RequestHead& out) {
  if (sink.extra.protocol.empty()) {
    const bool bare = sink.extra.scheme.empty() && sink.path.empty() && !sink.authority.empty();
    return bare ? refuse(ErrorKind::method_refused) : BlockResult{Block::malformed, {}};
  }
  if (end_stream || sink.has_length) return {Block::malformed, {}};
  if (sink.extra.protocol != "websocket") return refuse(ErrorKind::method_refused);
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
  if (sink.method.empty()) return {Block::malformed, {}};
  if (out.method == Method::connect) {
    const BlockResult result = take_connect(sink, end_stream, out);
    if (result.verdict != Block::good) return result;
  } else if (!sink.extra.protocol.empty()) {
    return {Block::malformed, {}};
  }
  if (sink.extra.scheme.empty() || sink.path.empty()) return {Block::malformed, {}};
  const BlockResult authority = take_authority(sink, arena, out);
  if (authority.verdict == Block::malformed) return authority;
  const BlockResult target = take_target(sink.path, out);
  if (sink.has_length && end_stream && out.length != 0) return {Block::malformed, {}};
  if (sink.crumbs > 1) join_cookies(arena, out.fields);
  take_framing(sink.has_length, end_stream, out);
  if (authority.verdict != Block::good) return authority;
  if (target.verdict != Block::good) return target;
  const bool http = sink.extra.scheme == "http" || sink.extra.scheme == "https";
  if (!http || !http::all_of(sink.method, http::kMethod) || sink.method.size() > http::kLongestMethod)
    return refuse(ErrorKind::malformed);
  if (out.method == Method::trace) return refuse(ErrorKind::method_refused);
  if (sink.bad_expectation) return refuse(ErrorKind::expectation_failed);
  return {};
}

struct ResponseSink {
  Arena& arena;
  http::ResponseHead& out;
  std::string_view status{};
  bool has_length = false;

  void too_large(const HpackField& /*field*/) const {}
  bool pseudo(const HpackField& field) { return field.name == ":status" && set_once(status, field.value); }
  bool regular(const HpackField& field) {
    if (field.id == FieldId::content_length && !take_length(field, has_length, out.length)) return false;
    out.fields.add(arena, field.name, field.value, field.id);
    return true;
  }
};

bool take_status(std::string_view text, http::ResponseHead& out) {
  const auto status = parse_decimal<std::uint16_t>(text);
  if (!status || text.size() != 3 || *status < 100 || *status > 599) return false;
  out.status = *status;
  out.reason = http::reason_of(*status);
  return true;
}

struct TrailerSink {
  Arena& arena;
  http::Fields& out;
  void too_large(const HpackField& /*field*/) const {}
  bool pseudo(const HpackField& /*field*/) const { return false; }
  bool regular(const HpackField& field) {
    if (http::forbidden_in_trailers({field.name, field.value, field.id})) return false;
    out.add(arena, field.name, field.value, field.id);
    return true;
  }
};

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
  const Block verdict = read_block(decoder, block, limits, arena, sink);
  if (verdict != Block::good && verdict != Block::refused) return {verdict, {}};
  const BlockResult result = finish_request(sink, end_stream, arena, out);
  // What was left out may be what is missing: too large comes first.
  if (verdict == Block::refused) {
    const bool long_target = sink.long_path || out.target.size() > limits.bytes / 2;
    return refuse(long_target ? ErrorKind::target_too_long : ErrorKind::head_too_large);
  }
  return result;
}

BlockResult read_response(HpackDecoder& decoder, std::string_view block, bool end_stream,
                          const http::HeadLimits& limits, Method method, Arena& arena,
                          http::ResponseHead& out) {
  ResponseSink sink{arena, out};
  const Block verdict = read_block(decoder, block, limits, arena, sink);
  if (verdict == Block::refused) return {verdict, {ErrorKind::head_too_large, Side::upstream}};
  if (verdict != Block::good) return {verdict, {}};
  const BlockResult malformed{Block::malformed, {}};
  if (!take_status(sink.status, out) || out.status == 101) return malformed;  // RFC 9113 §8.6
  out.keep_alive = true;
  if (out.status < 200) return end_stream || out.length != 0 ? malformed : BlockResult{};
  if (out.status == 204) return out.length != 0 ? malformed : BlockResult{};
  const bool bodiless = out.status == 304 || method == Method::head;
  if (sink.has_length) {
    if (end_stream && out.length != 0 && !bodiless) return malformed;
    out.framing = Framing::length;
  } else if (!bodiless) {
    out.framing = end_stream ? Framing::length : Framing::chunked;  // a length of 0
  }
  return {};
}

BlockResult read_trailers(HpackDecoder& decoder, std::string_view block, const http::HeadLimits& limits,
                          Arena& arena, http::Fields& out) {
  TrailerSink sink{arena, out};
  const Block verdict = read_block(decoder, block, limits, arena, sink);
  return {verdict == Block::refused ? Block::malformed : verdict, {}};
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
