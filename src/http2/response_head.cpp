// Responses, and trailers of either message.
#include "sluice/base/text.hpp"
#include "sluice/http/syntax.hpp"

#include "http2/head.hpp"
#include "http2/header_block.hpp"

namespace sluice::http2 {
namespace {

using http::FieldId;
using http::Framing;
using http::Method;

struct ResponseSink {
  static constexpr Side kSide = Side::upstream;
  Arena& arena;
  http::ResponseHead& out;
  std::string_view status{};
  bool has_length = false;

  void too_large(const HpackField& /*field*/) const {}
  Rule pseudo(const HpackField& field) {
    return field.name == ":status" ? set_once(status, field.value) : Rule::pseudo_unknown;
  }
  Rule regular(const HpackField& field) {
    if (field.id == FieldId::content_length) {
      const Rule rule = http::take_content_length(field.value, has_length, out.length);
      if (rule != Rule::none) return rule;
    }
    out.fields.add(arena, field.name, field.value, field.id);
    return Rule::none;
  }
};

Rule take_status(std::string_view text, http::ResponseHead& out) {
  if (text.empty()) return Rule::pseudo_missing;
  const auto status = parse_decimal<std::uint16_t>(text);
  if (!status || text.size() != 3 || *status < 100 || *status > 599) return Rule::status_line;
  out.status = *status;
  out.reason = http::reason_of(*status);
  return *status == 101 ? Rule::unasked_upgrade : Rule::none;  // RFC 9113 §8.6
}

// What the length says, and the end of the stream.
Rule take_response_framing(const ResponseSink& sink, bool end_stream, Method method,
                           http::ResponseHead& out) {
  if (out.status < 200) {
    if (end_stream) return Rule::interim_end;
    return out.length != 0 ? Rule::bodiless_length : Rule::none;
  }
  if (out.status == 204) return out.length != 0 ? Rule::bodiless_length : Rule::none;
  const bool bodiless = out.status == 304 || method == Method::head;
  if (sink.has_length) {
    if (end_stream && out.length != 0 && !bodiless) return Rule::body_length;
    out.framing = Framing::length;
  } else if (!bodiless) {
    out.framing = end_stream ? Framing::length : Framing::chunked;  // a length of 0
  }
  return Rule::none;
}

struct TrailerSink {
  static constexpr Side kSide = Side::internal;
  Arena& arena;
  http::Fields& out;
  void too_large(const HpackField& /*field*/) const {}
  Rule pseudo(const HpackField& /*field*/) const { return Rule::trailer_field; }
  Rule regular(const HpackField& field) {
    if (http::forbidden_in_trailers({field.name, field.value, field.id})) return Rule::trailer_field;
    out.add(arena, field.name, field.value, field.id);
    return Rule::none;
  }
};

}  // namespace

BlockResult read_response(HpackDecoder& decoder, std::string_view block, bool end_stream,
                          const http::HeadLimits& limits, Method method, Arena& arena,
                          http::ResponseHead& out) {
  ResponseSink sink{arena, out};
  const BlockResult result = read_block(decoder, block, limits, arena, sink);
  if (result.verdict != Block::good) return result;
  Rule rule = take_status(sink.status, out);
  out.keep_alive = true;
  if (rule == Rule::none) rule = take_response_framing(sink, end_stream, method, out);
  return rule == Rule::none ? BlockResult{} : malformed(rule, Side::upstream);
}

BlockResult read_trailers(HpackDecoder& decoder, std::string_view block, const http::HeadLimits& limits,
                          Arena& arena, http::Fields& out) {
  TrailerSink sink{arena, out};
  const BlockResult result = read_block(decoder, block, limits, arena, sink);
  return result.verdict == Block::refused ? malformed(Rule::trailer_size, Side::internal) : result;
}

}  // namespace sluice::http2
