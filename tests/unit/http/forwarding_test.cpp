#include "sluice/http/forwarding.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

// A request from 10.0.0.1, and what is made of it; 10.0.0.0/8 and ::1 are trusted.
struct Request {
  explicit Request(bool trusted) {
    proxies.add("10.0.0.0/8");
    proxies.add("::1");
    exchange.origin.peer_ip = "10.0.0.1";
    exchange.origin.trusted_peer = trusted;
    exchange.request.authority = "App.example:8080";
  }
  Request& with(std::string_view name, std::string_view value) {
    const std::string_view kept = exchange.arena.copy(name);
    exchange.request.fields.add(exchange.arena, kept, exchange.arena.copy(value), field_id(kept));
    return *this;
  }
  Request& pass(std::string_view claim) {
    const auto names = claim_names();
    rules.passed_claims |= std::uint64_t{1} << (std::find(names.begin(), names.end(), claim) - names.begin());
    return *this;
  }
  Request& forward() {
    identify(exchange, proxies);
    add_forwarding_fields(exchange, rules);
    return *this;
  }
  // All values of a field that will be forwarded.
  std::vector<std::string> values(std::string_view name) const {
    std::vector<std::string> out;
    for (const Field& field : exchange.request.fields.all()) {
      if (!field.dropped && same_variable(field.name, name)) out.emplace_back(field.value);
    }
    return out;
  }
  std::string client() {
    identify(exchange, proxies);
    return std::string(exchange.client_ip);
  }

  AddressSet proxies;
  ForwardingRules rules;
  Exchange exchange;
};

using Values = std::vector<std::string>;

std::string client_of(std::string_view forwarded_for) {
  return Request(true).with("X-Forwarded-For", forwarded_for).client();
}

}  // namespace

TEST_CASE("what an untrusted client says about forwarding is replaced", "[http][forwarding]") {
  Request request(false);
  for (const char* name : {"X-Forwarded-For", "x_forwarded_for", "X-Forwarded-Host", "X_Forwarded-Host",
                           "X-Forwarded-Proto", "X-Forwarded-Port", "X_Forwarded_Port", "X-Real-IP",
                           "X_Real_IP", "Forwarded", "X-Request-ID", "X_Request_Id"}) {
    request.with(name, "spoofed").with(name, "twice");
  }
  request.forward();
  CHECK(request.values("X-Forwarded-For") == Values{"10.0.0.1"});
  CHECK(request.values("X-Forwarded-Host") == Values{"App.example:8080"});
  CHECK(request.values("X-Forwarded-Proto") == Values{"http"});
  CHECK(request.values("X-Forwarded-Port").empty());
  CHECK(request.values("X-Real-IP").empty());
  CHECK(request.values("Forwarded").empty());
  CHECK(request.values("X-Request-ID") == Values{std::string(request.exchange.request_id)});
  CHECK(request.exchange.client_ip == "10.0.0.1");
  CHECK(request.exchange.request_id != "spoofed");
}

TEST_CASE("an untrusted client cannot send a framing field under another spelling", "[http][forwarding]") {
  Request request(false);
  request.with("Content_Length", "5").with("Transfer_Encoding", "chunked").with("X_Other", "stays").forward();
  CHECK(request.values("Content-Length").empty());
  CHECK(request.values("Transfer-Encoding").empty());
  CHECK(request.values("X-Other") == Values{"stays"});
}

TEST_CASE("a trusted peer's fields are extended and kept", "[http][forwarding]") {
  Request request(true);
  request.with("X-Forwarded-For", "192.0.2.7")
      .with("X-Forwarded-For", "10.1.1.1")
      .with("X-Forwarded-Proto", "https")
      .with("X-Forwarded-Host", "public.example")
      .with("X-Forwarded-Port", "443")
      .with("Forwarded", "for=192.0.2.7")
      .with("X-Real-IP", "192.0.2.7")
      .with("X-Request-ID", "abc-123")
      .with("X_Forwarded_For", "6.6.6.6")
      .forward();
  CHECK(request.values("X-Forwarded-For") == Values{"192.0.2.7, 10.1.1.1, 10.0.0.1"});
  CHECK(request.values("X-Forwarded-Proto") == Values{"https"});
  CHECK(request.values("X-Forwarded-Host") == Values{"public.example"});
  CHECK(request.values("X-Forwarded-Port") == Values{"443"});
  CHECK(request.values("Forwarded") == Values{"for=192.0.2.7"});
  CHECK(request.values("X-Real-IP") == Values{"192.0.2.7"});
  CHECK(request.values("X-Request-ID") == Values{"abc-123"});
  CHECK(request.exchange.client_ip == "192.0.2.7");
  CHECK(request.exchange.request_id == "abc-123");
}

TEST_CASE("a trusted peer that says nothing gets the same as anybody", "[http][forwarding]") {
  Request request(true);
  request.exchange.origin.secure = true;
  request.forward();
  CHECK(request.values("X-Forwarded-For") == Values{"10.0.0.1"});
  CHECK(request.values("X-Forwarded-Proto") == Values{"https"});
  CHECK(request.values("X-Forwarded-Host") == Values{"App.example:8080"});
  CHECK(request.values("X-Request-ID") == Values{std::string(request.exchange.request_id)});
}

TEST_CASE("a request without a host has no X-Forwarded-Host", "[http][forwarding]") {
  Request request(false);
  request.exchange.request.authority = {};
  request.with("X-Forwarded-Host", "spoofed").forward();
  CHECK(request.values("X-Forwarded-Host").empty());
}

TEST_CASE("the client is the last address that is not itself trusted", "[http][forwarding]") {
  CHECK(client_of("192.0.2.1") == "192.0.2.1");
  CHECK(client_of("6.6.6.6, 192.0.2.1") == "192.0.2.1");
  CHECK(client_of("6.6.6.6, 192.0.2.1, 10.2.2.2") == "192.0.2.1");
  CHECK(client_of("192.0.2.1,10.2.2.2,\t10.3.3.3") == "192.0.2.1");
  CHECK(client_of("10.4.4.4, 10.2.2.2") == "10.4.4.4");
  CHECK(client_of("2001:db8::1, ::1") == "2001:db8::1");
  CHECK(client_of("::ffff:10.9.9.9") == "::ffff:10.9.9.9");
  // As some balancers write it.
  CHECK(client_of("6.6.6.6, 192.0.2.1:1234, 10.2.2.2:80") == "192.0.2.1");
  CHECK(client_of("[2001:db8::1]:1, [::1]") == "2001:db8::1");
  CHECK(Request(true).with("X-Forwarded-For", "192.0.2.1").with("x-forwarded-for", "10.1.1.1").client() ==
        "192.0.2.1");
}

TEST_CASE("what is no address ends the search", "[http][forwarding]") {
  for (const char* text : {"", " ", ",", ", ,", "unknown", "_hidden", "192.0.2.1:1:2", "[2001:db8::1",
                           "[2001:db8::1]1", ":1", "[]:1", "192.0.2.1,", "192.0.2.1, unknown",
                           "192.0.2.1, 6.6.6.6 7.7.7.7", "localhost", "192.0.2.256", "\"192.0.2.1\""}) {
    CAPTURE(text);
    CHECK(client_of(text) == "10.0.0.1");
  }
  CHECK(client_of("192.0.2.1, garbage, 10.2.2.2") == "10.2.2.2");
}

TEST_CASE("an untrusted peer is the client, whatever it says", "[http][forwarding]") {
  CHECK(Request(false).with("X-Forwarded-For", "192.0.2.1").client() == "10.0.0.1");
}

TEST_CASE("a request id is taken from a trusted peer if it is harmless", "[http][forwarding]") {
  const auto id_of = [](std::string_view text) {
    Request request(true);
    request.with("X-Request-ID", text);
    identify(request.exchange, request.proxies);
    return std::string(request.exchange.request_id);
  };
  const std::string longest(128, 'a');
  for (const std::string& good : {std::string("a"), std::string("A-z.0_9:@/+="), longest})
    CHECK(id_of(good) == good);
  for (const std::string& bad :
       {std::string(), longest + "a", std::string("a b"), std::string("<script>"), std::string("a\"b"),
        std::string("a\tb"), std::string("\xc3\xa4"), std::string("a,b"), std::string("a;b"),
        std::string("{}"), std::string("a\\b"), std::string("a%0d")}) {
    CAPTURE(bad);
    const std::string made = id_of(bad);
    CHECK(made != bad);
    CHECK(made.size() == 32);
  }
}

TEST_CASE("request ids are 32 hexadecimal digits, and no two are the same", "[http][forwarding]") {
  Arena arena;
  std::set<std::string, std::less<>> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string_view id = make_request_id(arena);
    REQUIRE(id.size() == 32);
    CHECK((id.find_first_not_of("0123456789abcdef") == std::string_view::npos));
    seen.emplace(id);
  }
  CHECK(seen.size() == 10'000);
}

TEST_CASE("a client's claims are dropped, but for those that pass", "[http][forwarding]") {
  for (const std::string_view passed : claim_names()) {
    CAPTURE(passed);
    Request request(false);
    for (const std::string_view name : claim_names())
      request.with(name, "claimed");
    request.with("X-Mine", "stays").pass(passed).forward();
    for (const std::string_view name : claim_names())
      CHECK(request.values(name) == (name == passed ? Values{"claimed"} : Values{}));
    CHECK(request.values("X-Mine") == Values{"stays"});
  }
  Request none(false);
  CHECK(none.with("X-Original-URL", "/admin").forward().values("X-Original-URL").empty());
}

TEST_CASE("a claim that passes does so in its own spelling, and is sent as it came", "[http][forwarding]") {
  Request request(false);
  request.with("X_Http_Method_Override", "PUT").with("x-hTTp-Method-Override", "PATCH");
  request.pass("x-http-method-override").forward();
  CHECK(request.values("X-HTTP-Method-Override") == Values{"PATCH"});
}

TEST_CASE("a trusted peer's claims pass", "[http][forwarding]") {
  Request request(true);
  for (const std::string_view name : claim_names())
    request.with(name, "told");
  request.forward();
  for (const std::string_view name : claim_names())
    CHECK(request.values(name) == Values{"told"});
}

TEST_CASE("Proxy is passed on from nobody", "[http][forwarding]") {
  for (const bool trusted : {false, true}) {
    Request request(trusted);
    CHECK(request.with("PROXY", "http://evil.example").forward().values("Proxy").empty());
  }
}

TEST_CASE("CDN-Loop is extended, whoever sent it", "[http][forwarding]") {
  for (const bool trusted : {false, true}) {
    Request request(trusted);
    request.rules.cdn_id = "edge-1";
    request.with("CDN-Loop", "other; a=b").with("cdn-loop", "third").with("CDN_Loop", "fake").forward();
    const Values values = request.values("CDN-Loop");
    REQUIRE(values.size() == 3);
    CHECK(values[0] == "other; a=b");
    CHECK(values[1] == "third");
    CHECK((values[2].starts_with("edge-1;n=") && values[2].size() == 25));
  }
  CHECK(Request(false).forward().values("CDN-Loop").empty());  // without a name
}

TEST_CASE("our fields stand in memory as the lines that are sent", "[http][forwarding]") {
  Request request(true);
  request.rules.cdn_id = "sluice";
  request.with("X-Forwarded-For", "192.0.2.1").forward();
  std::string lines;
  for (const Field& field : request.exchange.request.fields.all()) {
    if (field.form != FieldForm::line) continue;
    const std::string line = std::string(field.name) + ": " + std::string(field.value) + "\r\n";
    CHECK(std::string(field.name.data(), line.size()) == line);
    lines += line;
  }
  const Field& first = request.exchange.request.fields.all()[1];
  CHECK(first.value == "192.0.2.1, 10.0.0.1");
  CHECK(std::string(first.name.data(), lines.size()) == lines);  // one behind the other
}

TEST_CASE("X-Forwarded-For in many fields is one list", "[http][forwarding]") {
  Request request(true);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string address = "192.0.2." + std::to_string(i % 256);
    request.with("X-Forwarded-For", address).with("X-Forwarded-For", "");
    all += address + ", ";
  }
  request.forward();
  CHECK(request.values("X-Forwarded-For") == Values{all + "10.0.0.1"});
  CHECK(request.exchange.client_ip == "192.0.2.231");
}

TEST_CASE("the search for the client ends after as many trusted addresses as a list may have",
          "[http][forwarding]") {
  std::string text = "192.0.2.1";
  for (std::size_t i = 1; i < kMostElements; ++i)
    text += ", 10.0.0." + std::to_string(i);
  CHECK(client_of(text) == "192.0.2.1");
  CHECK(client_of(text + ", 10.9.9.9") == "10.0.0.1");
}

TEST_CASE("a client's address is parsed once for an exchange", "[http][forwarding]") {
  Exchange exchange;
  exchange.client_ip = "192.0.2.1";
  const IpAddress& address = client_address(exchange);
  CHECK(address == *IpAddress::parse("192.0.2.1"));
  CHECK(&client_address(exchange) == &address);
  exchange.reset();
  exchange.client_ip = SocketAddress::kUnixPeer;
  CHECK(client_address(exchange) == IpAddress{});
}
