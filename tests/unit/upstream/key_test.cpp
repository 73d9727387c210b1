#include "sluice/upstream/balance/key.hpp"

#include "sluice/base/hash.hpp"

#include <string_view>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;

namespace {

void add(http::Exchange& exchange, std::string_view name, std::string_view value) {
  exchange.request.fields.add(exchange.arena, name, value, http::field_id(name));
}

}  // namespace

TEST_CASE("a key is what the operator says of the request", "[upstream][balance]") {
  http::Exchange exchange;
  exchange.client_ip = "192.0.2.7";
  exchange.tenant = "acme";
  exchange.request.path = "/a/b";
  exchange.request.target = "/a/b?c";
  add(exchange, "X-Customer", "17");
  add(exchange, "X-Customer", "18");
  add(exchange, "X-Empty", "");
  add(exchange, "Cookie", "theme=dark; session=abc");
  CHECK(key_of({KeySource::client_ip, ""}, exchange) == hash64("192.0.2.7"));
  CHECK(key_of({KeySource::tenant, ""}, exchange) == hash64("acme"));
  CHECK(key_of({KeySource::path, ""}, exchange) == hash64("/a/b"));
  CHECK(key_of({KeySource::header, "x-customer"}, exchange) == hash64("17"));
  CHECK(key_of({KeySource::cookie, "session"}, exchange) == hash64("abc"));
  // Nothing of the kind, or nothing in it.
  CHECK_FALSE(key_of({KeySource::header, "x-other"}, exchange));
  CHECK_FALSE(key_of({KeySource::header, "x-empty"}, exchange));
  CHECK_FALSE(key_of({KeySource::cookie, "other"}, exchange));
  exchange.tenant = {};
  CHECK_FALSE(key_of({KeySource::tenant, ""}, exchange));
  // What is not forwarded does not count.
  exchange.request.fields.all()[0].dropped = true;
  CHECK(key_of({KeySource::header, "x-customer"}, exchange) == hash64("18"));
}
