#include "sluice/http/reply.hpp"

#include "sluice/http/forwarding.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

std::string body_of(Exchange& exchange) {
  std::string out;
  std::string_view piece;
  if (exchange.response_body == nullptr) return out;
  while (exchange.response_body->poll(piece) == BodyStep::data)
    out += piece;
  return out;
}

std::string field(const Exchange& exchange, std::string_view name) {
  const Field* found = exchange.response.fields.find(name);
  return found != nullptr ? std::string(found->value) : "(none)";
}

void accept(Exchange& exchange, std::string_view value) {
  exchange.request.fields.add(exchange.arena, "Accept", value, FieldId::accept);
}

}  // namespace

TEST_CASE("a failure becomes the status that the contract names", "[http][reply]") {
  const struct {
    ErrorKind kind;
    Side side;
    int status;
    const char* error;
  } cases[] = {
      {ErrorKind::malformed, Side::downstream, 400, "http_request_error"},
      {ErrorKind::timed_out, Side::downstream, 408, "http_request_error"},
      {ErrorKind::head_too_large, Side::downstream, 431, "http_request_error"},
      {ErrorKind::target_too_long, Side::downstream, 414, "http_request_error"},
      {ErrorKind::body_too_large, Side::downstream, 413, "http_request_error"},
      {ErrorKind::version_unsupported, Side::downstream, 505, "http_request_error"},
      {ErrorKind::method_refused, Side::downstream, 405, "http_request_denied"},
      {ErrorKind::expectation_failed, Side::downstream, 417, "http_request_error"},
      {ErrorKind::connect_refused, Side::upstream, 502, "connection_refused"},
      {ErrorKind::connect_timeout, Side::upstream, 504, "connection_timeout"},
      {ErrorKind::connect_failed, Side::upstream, 502, "destination_ip_unroutable"},
      {ErrorKind::name_unresolved, Side::upstream, 502, "dns_error"},
      {ErrorKind::tls_failed, Side::upstream, 502, "tls_protocol_error"},
      {ErrorKind::timed_out, Side::upstream, 504, "http_response_timeout"},
      {ErrorKind::malformed, Side::upstream, 502, "http_protocol_error"},
      {ErrorKind::head_too_large, Side::upstream, 502, "http_response_header_section_size"},
      {ErrorKind::reset, Side::upstream, 502, "connection_terminated"},
      {ErrorKind::closed, Side::upstream, 502, "connection_terminated"},
      {ErrorKind::unavailable, Side::upstream, 503, "destination_unavailable"},
      {ErrorKind::cancelled, Side::upstream, 503, "destination_unavailable"},
      {ErrorKind::unavailable, Side::internal, 503, "destination_unavailable"},
      {ErrorKind::reset, Side::internal, 500, "proxy_internal_error"},
  };
  for (const auto& c : cases) {
    CAPTURE(to_string(c.kind), c.status);
    const Reason reason = reason_for({c.kind, c.side});
    CHECK(reason.status == c.status);
    CHECK(reason.error == c.error);
    CHECK_FALSE(reason.details.empty());
  }
}

TEST_CASE("a reply says who made it and why", "[http][reply]") {
  Exchange exchange;
  exchange.request_id = "id-1";
  make_reply(exchange, {504, "http_response_timeout", "too slow"});
  const std::string body = body_of(exchange);
  CHECK(exchange.response.status == 504);
  CHECK(exchange.response.reason == "Gateway Timeout");
  CHECK(exchange.response.framing == Framing::length);
  CHECK(exchange.response.length == body.size());
  CHECK(field(exchange, "Proxy-Status") == "sluice; error=http_response_timeout; details=\"too slow\"");
  CHECK(field(exchange, "X-Request-ID") == "id-1");
  CHECK(field(exchange, "Cache-Control") == "no-store");
  CHECK(field(exchange, "Content-Type") == "application/json");
  CHECK(field(exchange, "Retry-After") == "(none)");
  CHECK(body ==
        "{\"status\":504,\"error\":\"http_response_timeout\",\"message\":\"too "
        "slow\",\"request_id\":\"id-1\"}\n");
  CHECK(exchange.record.error == "http_response_timeout");
}

TEST_CASE("people get HTML, programs JSON", "[http][reply]") {
  for (const char* value :
       {"text/html", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "application/xml, text/html"}) {
    Exchange exchange;
    accept(exchange, value);
    make_reply(exchange, {404, "destination_not_found", "nothing here"});
    CHECK(field(exchange, "Content-Type") == "text/html; charset=utf-8");
    const std::string body = body_of(exchange);
    CHECK(exchange.response.length == body.size());
    CHECK(body.find("<h1>404 Not Found</h1>") != std::string::npos);
    CHECK(body.find("nothing here") != std::string::npos);
    CHECK(body.find(exchange.request_id) != std::string::npos);
  }
  for (const char* value : {"*/*", "application/json", "", "text/plain"}) {
    Exchange exchange;
    accept(exchange, value);
    make_reply(exchange, {404, "destination_not_found", "nothing here"});
    CHECK(field(exchange, "Content-Type") == "application/json");
  }
}

TEST_CASE("unavailable says when to come back", "[http][reply]") {
  Exchange exchange;
  make_reply(exchange, reason_for({ErrorKind::unavailable, Side::upstream}));
  CHECK(exchange.response.status == 503);
  CHECK(field(exchange, "Retry-After") == "1");
}

TEST_CASE("so does whatever else has a time to come back", "[http][reply]") {
  Exchange exchange;
  exchange.request_id = "id-1";
  Reason reason{429, "http_request_denied", "limit \"login\""};
  reason.retry_after = 17;
  make_reply(exchange, reason);
  CHECK(field(exchange, "Retry-After") == "17");
  CHECK(field(exchange, "Proxy-Status") == R"(sluice; error=http_request_denied; details="limit \"login\"")");
  CHECK(body_of(exchange).find(R"("message":"limit \"login\"")") != std::string::npos);
}

TEST_CASE("a reply to a request that was never identified has an id all the same", "[http][reply]") {
  Exchange exchange;
  make_reply(exchange, {400, "http_request_error", "bad"});
  CHECK(exchange.request_id.size() == 32);
  CHECK(field(exchange, "X-Request-ID") == exchange.request_id);
}

TEST_CASE("fields added before a reply stay", "[http][reply]") {
  Exchange exchange;
  exchange.response.fields.add(exchange.arena, "Allow", "GET", FieldId::other);
  make_reply(exchange, {405, "http_request_denied", "no"});
  CHECK(field(exchange, "Allow") == "GET");
}

TEST_CASE("a redirect names the place and keeps the method", "[http][reply]") {
  Exchange exchange;
  exchange.request_id = "id-1";
  make_redirect(exchange, "https://a.example/x?y");
  CHECK(exchange.response.status == 308);
  CHECK(field(exchange, "Location") == "https://a.example/x?y");
  CHECK(field(exchange, "X-Request-ID") == "id-1");
  CHECK(exchange.response.framing == Framing::length);
  CHECK(exchange.response.length == body_of(exchange).size());
}

TEST_CASE("a redirect says that Sluice made it, as every answer of ours does", "[http][reply]") {
  Exchange exchange;
  make_redirect(exchange, "https://a.example/");
  CHECK(field(exchange, "Proxy-Status").starts_with("sluice"));
}

TEST_CASE("insiders are told which rule was broken, strangers that one was", "[http][reply]") {
  AddressSet trusted;
  REQUIRE(trusted.add("10.0.0.0/8"));
  const struct {
    const char* peer;
    const char* forwarded;  // X-Forwarded-For; nullptr: none
    bool insider;
  } cases[] = {
      {"127.0.0.1", nullptr, true},      {"127.8.8.8", nullptr, true},  {"::1", nullptr, true},
      {"unix", nullptr, true},           {"10.1.2.3", nullptr, true},   {"10.1.2.3", "10.9.9.9", true},
      {"10.1.2.3", "192.0.2.1", false},  {"192.0.2.1", nullptr, false}, {"2001:db8::1", nullptr, false},
      {"127.0.0.1", "127.0.0.1", false},  // some proxy speaks for it that nobody has vouched for
  };
  for (const auto& c : cases) {
    CAPTURE(c.peer, c.forwarded == nullptr ? "" : c.forwarded);
    Exchange exchange;
    exchange.origin.peer_ip = c.peer;
    const auto ip = IpAddress::parse(c.peer);
    exchange.origin.trusted_peer = ip && trusted.contains(*ip);
    if (c.forwarded != nullptr) {
      exchange.request.fields.add(exchange.arena, "X-Forwarded-For", c.forwarded, FieldId::x_forwarded_for);
    }
    identify(exchange, trusted);
    // What we add ourselves makes a stranger of nobody.
    add_forwarding_fields(exchange, {});
    make_reply(exchange, reason_for(broken(Rule::dot_segment, Side::downstream)));
    const std::string general = "the request is malformed or ambiguous";
    const std::string exact = "dot-segment: " + std::string(words(Rule::dot_segment));
    const std::string& details = c.insider ? exact : general;
    CHECK(field(exchange, "Proxy-Status") == "sluice; error=http_request_error; details=\"" + details + "\"");
    CHECK(body_of(exchange).find("\"message\":\"" + details + "\"") != std::string::npos);
    CHECK(exchange.record.rule == Rule::dot_segment);
    CHECK(exchange.record.rule_side == Side::downstream);
  }
}

TEST_CASE("of an answer that is refused insiders are told whose it was", "[http][reply]") {
  Exchange exchange;
  exchange.origin.peer_ip = "::1";
  identify(exchange, AddressSet{});
  exchange.record.pool = "app";
  exchange.record.server = "unix:/run/a\"<b>";
  accept(exchange, "text/html");
  make_reply(exchange, reason_for(broken(Rule::two_lengths, Side::upstream)));
  CHECK(field(exchange, "Proxy-Status") ==
        "sluice; error=http_protocol_error; details=\"two-lengths: there is more than one Content-Length "
        "(server unix:/run/a??b? of pool app)\"");
  CHECK(body_of(exchange).find("<p>two-lengths: ") != std::string::npos);
  CHECK(exchange.record.rule_side == Side::upstream);
}
