// drop_hop_by_hop(): RFC 9110 §7.6.1.
#include "sluice/http/forwarding.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// The names of what is left, in order.
std::string left(const Pairs& pairs) {
  Arena arena;
  Fields fields;
  for (const auto& [name, value] : pairs)
    fields.add(arena, name, value, field_id(name));
  drop_hop_by_hop(fields);
  std::string out;
  for (const Field& field : fields.all()) {
    if (!field.dropped) out += (out.empty() ? "" : " ") + std::string(field.name);
  }
  return out;
}

}  // namespace

TEST_CASE("fields that concern one hop are dropped unnamed", "[http][hop]") {
  CHECK(left({{"Host", "a"},
              {"Connection", "keep-alive"},
              {"Keep-Alive", "timeout=5"},
              {"Proxy-Connection", "keep-alive"},
              {"TE", "trailers"},
              {"Transfer-Encoding", "chunked"},
              {"Content-Length", "5"},
              {"Upgrade", "websocket"},
              {"HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"},
              {"Accept", "*/*"}}) == "Host Accept");
}

TEST_CASE("end-to-end fields stay", "[http][hop]") {
  CHECK(left({{"Host", "a"},
              {"Trailer", "X-Sum"},
              {"Content-Type", "a/b"},
              {"Cookie", "a=1"},
              {"Expect", "100-continue"},
              {"Content-Encoding", "gzip"}}) == "Host Trailer Content-Type Cookie Expect Content-Encoding");
}

TEST_CASE("fields named by Connection are dropped, in any case and anywhere", "[http][hop]") {
  CHECK(left({{"X-One", "1"}, {"Connection", "close, x-ONE ,\tX-Two"}, {"x-two", "2"}, {"X-Three", "3"}}) ==
        "X-Three");
  CHECK(
      left({{"Connection", "X-A"}, {"X-A", "1"}, {"X-B", "2"}, {"connection", "x-b"}, {"X-A", "3"}}).empty());
  CHECK(left({{"Connection", ",, ,"}, {"X-A", "1"}}) == "X-A");
  CHECK(left({{"Connection", "X-AA"}, {"X-A", "1"}, {"X-AAA", "2"}}) == "X-A X-AAA");
}

TEST_CASE("Host and CDN-Loop survive being named by Connection", "[http][hop]") {
  CHECK(left({{"Host", "a"}, {"Connection", "host, close"}}) == "Host");
  CHECK(left({{"CDN-Loop", "a"}, {"Connection", "cdn-LOOP"}, {"CDN-Loop", "b"}}) == "CDN-Loop CDN-Loop");
}

TEST_CASE("fields that Sluice knows are dropped when named, those that share an id by their name",
          "[http][hop]") {
  CHECK(left({{"Connection", "cookie, Accept"}, {"Cookie", "a=1"}, {"ACCEPT", "*/*"}, {"Date", "now"}}) ==
        "Date");
  CHECK(left({{"Connection", "x-real-ip"}, {"X-Real-IP", "1"}, {"X-Host", "a"}}) == "X-Host");
  CHECK(left({{"Connection", "X-Forwarded-Port"}, {"x-forwarded-port", "1"}, {"X-Forwarded-Ssl", "on"}}) ==
        "X-Forwarded-Ssl");
  CHECK(left({{"Connection", "x_host"}, {"X-Host", "a"}, {"X_Host", "b"}}) == "X-Host");
}

TEST_CASE("as many options as http1 lets through are all looked at", "[http][hop]") {
  Pairs pairs{{"Connection", ""}, {"X-Stays", "1"}};
  for (std::size_t i = 0; i < kMostConnectionOptions; ++i) {
    const std::string name = "X-Option-" + std::to_string(i);
    pairs[0].second += (i == 0 ? "" : ", ") + name;
    pairs.emplace_back(name, "1");
  }
  CHECK(left(pairs) == "X-Stays");
}

TEST_CASE("names of any length are told apart to the last letter, but not by case", "[http][hop]") {
  for (const std::size_t size : {1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000}) {
    CAPTURE(size);
    const std::string name(size, 'a');
    std::string other = name;
    other.back() = 'b';
    std::string upper(size, 'A');
    CHECK(left({{"Connection", upper}, {name, "1"}, {other, "2"}}) == other);
    CHECK(left({{"Connection", name}, {upper, "1"}, {other, "2"}}) == other);
  }
  // Pairs that differ in the bit that tells small letters from capitals, and are none.
  CHECK(left({{"Connection", "a^b"}, {"a~b", "1"}}) == "a~b");
  CHECK(left({{"Connection", "\xc1"}, {"a", "1"}}) == "a");
}

TEST_CASE("what Sluice adds later cannot be named away", "[http][hop]") {
  Exchange exchange;
  exchange.origin.peer_ip = "192.0.2.1";
  exchange.request_id = "id";
  exchange.request.authority = "a.example";
  const auto add = [&](std::string_view name, std::string_view value) {
    exchange.request.fields.add(exchange.arena, name, value, field_id(name));
  };
  add("Connection", "X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-ID");
  add("X-Forwarded-For", "6.6.6.6");
  drop_hop_by_hop(exchange.request.fields);
  add_forwarding_fields(exchange, {});
  CHECK(exchange.request.fields.value(FieldId::x_forwarded_for) == "192.0.2.1");
  CHECK(exchange.request.fields.value(FieldId::x_forwarded_proto) == "http");
  CHECK(exchange.request.fields.value(FieldId::x_forwarded_host) == "a.example");
  CHECK(exchange.request.fields.value(FieldId::x_request_id) == "id");
}
