#include "sluice/http/reply.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/grpc.hpp"

#include <algorithm>

namespace sluice::http {
namespace {

Reason upstream_reason(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::connect_refused:
      return {502, "connection_refused", "the upstream refused the connection"};
    case ErrorKind::connect_timeout:
      return {504, "connection_timeout", "the upstream did not accept in time"};
    case ErrorKind::connect_failed:
      return {502, "destination_ip_unroutable", "no connection to the upstream"};
    case ErrorKind::name_unresolved: return {502, "dns_error", "the upstream's name has no address"};
    case ErrorKind::tls_failed: return {502, "tls_protocol_error", "no TLS with the upstream"};
    case ErrorKind::timed_out: return {504, "http_response_timeout", "the upstream did not answer in time"};
    case ErrorKind::deadline_exceeded:
      return {504, "http_response_timeout", "the call's deadline has passed", kGrpcDeadlineExceeded};
    case ErrorKind::malformed: return {502, "http_protocol_error", "the upstream's response is malformed"};
    case ErrorKind::head_too_large:
      return {502, "http_response_header_section_size", "response head too large"};
    case ErrorKind::unavailable: return {503, "destination_unavailable", "no server is available"};
    case ErrorKind::no_room: return {503, "connection_limit_reached", "no server had room for the request"};
    case ErrorKind::refused: return {503, "destination_unavailable", "the upstream refused the request"};
    case ErrorKind::cancelled: return {503, "destination_unavailable", "the server was taken out of service"};
    default: return {502, "connection_terminated", "the upstream closed the connection before it answered"};
  }
}

Reason downstream_reason(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::timed_out: return {408, "http_request_error", "the request did not arrive in time"};
    case ErrorKind::head_too_large:
      return {431, "http_request_error", "the request's header fields are too large"};
    case ErrorKind::target_too_long: return {414, "http_request_error", "the request's target is too long"};
    case ErrorKind::body_too_large: return {413, "http_request_error", "the request's body is too large"};
    case ErrorKind::version_unsupported:
      return {505, "http_request_error", "the HTTP version is not supported"};
    case ErrorKind::method_refused: return {405, "http_request_denied", "the method is not allowed here"};
    case ErrorKind::tls_failed: return {400, "http_request_error", "this port speaks TLS: ask by https"};
    case ErrorKind::misdirected:
      return {421, "http_request_error", "this connection does not serve that authority"};
    case ErrorKind::loop_detected: return {502, "proxy_loop_detected", "the request has been here before"};
    case ErrorKind::expectation_failed: return {417, "http_request_error", "the expectation cannot be met"};
    default: return {400, "http_request_error", "the request is malformed or ambiguous"};
  }
}

// RFC 9110 §15.5.6: what a proxy passes on.
constexpr std::string_view kAllowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// A name of ours in a text that JSON, HTML and a structured field take as it is.
std::string_view plain(Arena& arena, std::string_view name) {
  constexpr std::string_view kOdd = "\"\\<>&";
  char* const out = arena.array<char>(name.size());
  std::transform(name.begin(), name.end(), out, [&](char c) {
    return c < ' ' || c > '~' || kOdd.find(c) != std::string_view::npos ? '?' : c;
  });
  return {out, name.size()};
}

// What the client is told. Nothing that it sent stands in it, but for the host and path of `record.details`,
// of which only plain bytes are left.
std::string_view told(Exchange& exchange, const Reason& reason) {
  const Record& record = exchange.record;
  if ((reason.rule == Rule::none && record.details.empty()) || !is_insider(exchange)) return reason.details;
  Arena& arena = exchange.arena;
  const std::string_view name = to_string(reason.rule);
  const std::string_view colon = name.empty() ? "" : ": ";
  if (!record.details.empty()) return arena.join({name, colon, plain(arena, record.details)});
  if (reason.side != Side::upstream) return arena.join({name, colon, words(reason.rule)});
  return arena.join({name, colon, words(reason.rule), " (server ", plain(arena, record.server), " of pool ",
                     plain(arena, record.pool), ")"});
}

// As JSON and structured fields write it between quotation marks.
std::string_view escaped(Arena& arena, std::string_view text) {
  const auto marks = static_cast<std::size_t>(std::count(text.begin(), text.end(), '"'));
  if (marks == 0) return text;
  char* const out = arena.array<char>(text.size() + marks);
  char* at = out;
  for (const char c : text) {
    if (c == '"') *at++ = '\\';
    *at++ = c;
  }
  return {out, text.size() + marks};
}

// What every answer of our own carries.
void add_own_fields(Exchange& exchange, std::string_view proxy_status) {
  Fields& fields = exchange.response.fields;
  fields.add(exchange.arena, "Proxy-Status", proxy_status, FieldId::other);
  fields.add(exchange.arena, "X-Request-ID", exchange.request_id, FieldId::x_request_id);
}

bool wants_html(const Exchange& exchange) {
  // No browser says it later; to look for it in what is made of its first letter costs dearly.
  constexpr std::size_t kFarEnough = 512;
  const std::string_view accept = exchange.request.fields.value(FieldId::accept).substr(0, kFarEnough);
  return accept.find("text/html") != std::string_view::npos;
}

// gRPC clients read the status from a field; the response that carries it is a 200 without a body
// ("Trailers-Only").
void make_grpc_reply(Exchange& exchange, Reason reason, std::string_view details) {
  reason.details = details;
  ResponseHead& head = exchange.response;
  head.status = 200;
  head.reason = reason_of(200);
  Fields& fields = head.fields;
  fields.add(exchange.arena, "Content-Type", "application/grpc", FieldId::content_type);
  add_grpc_status(exchange.arena, fields, reason);
  if (reason.retry_after != 0) {
    // What clients with a retry policy go by, in milliseconds; the other one is for people.
    const std::uint64_t pushback = std::uint64_t{reason.retry_after} * 1000;
    fields.add(exchange.arena, "grpc-retry-pushback-ms", exchange.arena.copy(Decimal(pushback).view()),
               FieldId::other);
    fields.add(exchange.arena, "Retry-After", exchange.arena.copy(Decimal(reason.retry_after).view()),
               FieldId::retry_after);
  }
  exchange.response_body = nullptr;
}

}  // namespace

Reason reason_for(const Error& error) {
  Reason out{500, "proxy_internal_error", "internal error"};
  if (error.side == Side::downstream) {
    out = downstream_reason(error.kind);
  } else if (error.side == Side::upstream || error.kind == ErrorKind::unavailable) {
    out = upstream_reason(error.kind);
  }
  out.rule = error.rule;
  out.side = error.side;
  return out;
}

void note_reason(Record& record, const Reason& reason) {
  record.error = reason.error;
  record.rule = reason.rule;
  record.rule_side = reason.side;
}

void add_grpc_status(Arena& arena, Fields& fields, const Reason& reason) {
  const unsigned status = reason.grpc != 0 ? reason.grpc : grpc_status_of(reason.status);
  fields.add(arena, "grpc-status", arena.copy(Decimal(status).view()), FieldId::other);
  fields.add(arena, "grpc-message", reason.details, FieldId::other);
}

void make_reply(Exchange& exchange, const Reason& reason) {
  Arena& arena = exchange.arena;
  if (exchange.request_id.empty()) exchange.request_id = make_request_id(arena);
  const std::string_view status = arena.copy(Decimal(reason.status).view());
  const std::string_view phrase = reason_of(reason.status);

  ResponseHead& head = exchange.response;
  note_reason(exchange.record, reason);
  const std::string_view details = told(exchange, reason);
  const std::string_view quoted = escaped(arena, details);
  add_own_fields(exchange, arena.join({"sluice; error=", reason.error, "; details=\"", quoted, "\""}));
  head.framing = Framing::length;
  if (is_grpc(exchange.request)) return make_grpc_reply(exchange, reason, details);
  head.status = reason.status;
  head.reason = phrase;
  std::string_view body;
  std::string_view type;
  if (wants_html(exchange)) {
    type = "text/html; charset=utf-8";
    body = arena.join({"<!doctype html><title>", status, " ", phrase, "</title>\n<h1>", status, " ", phrase,
                       "</h1>\n<p>", details, "</p>\n<p><small>request ", exchange.request_id,
                       "</small></p>\n"});
  } else {
    type = "application/json";
    body = arena.join({"{\"status\":", status, ",\"error\":\"", reason.error, "\",\"message\":\"", quoted,
                       "\",\"request_id\":\"", exchange.request_id, "\"}\n"});
  }
  head.length = body.size();
  head.fields.add(arena, "Content-Type", type, FieldId::content_type);
  head.fields.add(arena, "Cache-Control", "no-store", FieldId::other);
  if (reason.status == 405) head.fields.add(arena, "Allow", kAllowed, FieldId::other);
  const std::uint32_t wait = reason.retry_after == 0 && reason.status == 503 ? 1 : reason.retry_after;
  if (wait != 0)
    head.fields.add(arena, "Retry-After", arena.copy(Decimal(wait).view()), FieldId::retry_after);
  exchange.text_body = TextBody(body);
  exchange.response_body = &exchange.text_body;
}

void leave_body(Exchange& exchange) {
  const RequestHead& request = exchange.request;
  if (exchange.request_body != nullptr && request.framing == Framing::length && request.length > kDiscarded)
    exchange.downstream->close_after();
}

void make_redirect(Exchange& exchange, std::string_view location) {
  ResponseHead& head = exchange.response;
  head.status = 308;
  head.reason = reason_of(308);
  head.framing = Framing::length;
  head.length = 0;
  head.fields.add(exchange.arena, "Location", location, FieldId::other);
  add_own_fields(exchange, "sluice; details=\"this listener redirects to https\"");
  exchange.response_body = nullptr;
}

}  // namespace sluice::http
