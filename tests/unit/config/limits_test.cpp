// Limits: what is written reaches its member, and what is not has its default.
#include "sluice/config/limit_text.hpp"
#include "sluice/config/load.hpp"

#include <chrono>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice::config;
using namespace std::chrono_literals;

namespace {

Document everything() {
  Diagnostics out;
  Document document = load(SLUICE_SOURCE_DIR "/tests/golden/config/everything.yaml", out);
  INFO(out.render(document.files));
  REQUIRE(out.empty());
  return document;
}

Limit limit(const std::string& text) {
  Diagnostics out;
  const Document document = load_text(
      "version: 1\nlisteners: { http: \":80\" }\npools: { app: { servers: [\"127.0.0.1:1\"] } }\n"
      "limits: { a: " +
          text + " }\n",
      "t.yaml", "/none", out);
  INFO(out.render(document.files));
  REQUIRE(out.empty());
  return document.limits.at(0);
}

}  // namespace

TEST_CASE("every key of a limit reaches its member", "[config][limits]") {
  const Document document = everything();
  REQUIRE(document.limits.size() == 4);
  const Limit& login = document.limits[1];
  CHECK(login.name == "login");
  CHECK(login.kind == LimitKind::rate);
  CHECK(login.rate == Rate{5, 1min});
  CHECK(login.burst == 5);
  REQUIRE(login.key.size() == 6);
  CHECK(login.key[0].of == KeyPart::Of::tenant);
  CHECK(login.key[1].of == KeyPart::Of::client_ip);
  CHECK(login.key[2].of == KeyPart::Of::host);
  CHECK(login.key[3].of == KeyPart::Of::path);
  CHECK(login.key[4].of == KeyPart::Of::header);
  CHECK(login.key[4].name == "x-user");
  CHECK(login.key[5].of == KeyPart::Of::cookie);
  CHECK(login.key[5].name == "sid");
  CHECK(login.v4_prefix == 24);
  CHECK(login.v6_prefix == 56);
  CHECK(login.cost == 2);
  CHECK(login.mode == LimitMode::enforce);
  CHECK(login.match.path->value == "/api/auth/");
  REQUIRE(login.match.methods.size() == 1);
  CHECK(login.match.methods[0].value == "POST");
  REQUIRE(login.match.headers.size() == 2);
  CHECK(login.match.headers[0].name.value == "x-kind");
  CHECK(login.match.headers[0].value == "form");
  CHECK(login.match.headers[1].name.value == "x-any");
  CHECK_FALSE(login.match.headers[1].value);
  REQUIRE(login.exempt.client_ip.size() == 2);
  CHECK(login.exempt.client_ip[0].value == "10.0.0.0/8");
  REQUIRE(login.exempt.headers.size() == 1);
  CHECK(login.exempt.headers[0].value == "secret");
  REQUIRE(login.ban);
  CHECK(login.ban->after == 10);
  CHECK(login.ban->window == 2min);
  CHECK(login.ban->lasts == 1h);
  CHECK(document.limits[2].kind == LimitKind::concurrency);
  CHECK(document.limits[2].concurrency == 200);
  CHECK(document.limits[2].mode == LimitMode::report);
  CHECK(document.limits[3].kind == LimitKind::bytes);
  CHECK(document.limits[3].key[0].of == KeyPart::Of::response);
}

TEST_CASE("the store of limits is read beside them", "[config][limits]") {
  const Document document = everything();
  REQUIRE(document.limit_store);
  CHECK(document.limit_store->url.value == "rediss://user:p%40ss@redis.internal:6380/2");
  CHECK(document.limit_store->on_outage == OnOutage::closed);
  CHECK(document.limit_store->ca->value == SLUICE_SOURCE_DIR "/tests/golden/config/ca.pem");
}

TEST_CASE("what tenants and routes ask for is read", "[config][limits]") {
  const Document document = everything();
  const Route& route = document.routes[1];
  REQUIRE(route.limits.size() == 2);
  CHECK(route.limits[0].name.value == "standard");
  CHECK(route.limits[0].cost == 5);
  CHECK(route.limits[1].cost == 0);
  CHECK(route.max_body == 1ULL << 30);
  const TenantDefaults& defaults = document.tenants->defaults;
  CHECK(defaults.limits.size() == 2);
  CHECK(defaults.max_body == 10ULL << 20);
  CHECK(defaults.timeouts.first_byte == 50s);
  CHECK_FALSE(document.tenants->items[0].limits);
  const Tenant& globex = document.tenants->items[1];
  REQUIRE(globex.limits);
  CHECK(globex.limits->empty());
  CHECK(globex.max_body == 0);
  CHECK(globex.timeouts.connect == 2s);
}

TEST_CASE("a burst that is not written is what comes in one time of the rate", "[config][limits]") {
  CHECK(limit("{ rate: 50/s, key: tenant }").burst == 50);
  CHECK(limit("{ key: tenant, burst: 7, rate: 5/m }").burst == 7);
  CHECK(limit("{ bytes: 1MiB/s, key: response }").burst == 1 << 20);
  CHECK(limit("{ bytes: 60KiB/m, key: response }").burst == 1024);
  CHECK(limit("{ bytes: 1B/h, key: response }").burst == 1);
  CHECK(limit("{ bytes: 1MiB/s, burst: 4MiB, key: response }").burst == 4 << 20);
  CHECK(limit("{ concurrency: 5, key: tenant }").burst == 0);
}

TEST_CASE("a ban that is not told how long lasts a quarter of an hour", "[config][limits]") {
  const Limit login = limit("{ rate: 5/m, key: client_ip, ban: { after: 3 } }");
  CHECK(login.ban->window == 1min);
  CHECK(login.ban->lasts == 15min);
}

TEST_CASE("the store is described without its password", "[config][limits]") {
  const auto told = [](const char* url, OnOutage outage) {
    return describe(LimitStore{{url, {}}, outage, {}});
  };
  CHECK(told("redis://h", OnOutage::local) == "counted in redis://h:6379, on outage local");
  CHECK(told("redis://:p%40ss@h:7000", OnOutage::open) == "counted in redis://h:7000, on outage open");
  CHECK(told("rediss://u:secret@[::1]/2", OnOutage::closed) ==
        "counted in rediss://[::1]:6379/2, on outage closed");
}

TEST_CASE("limits are described in few words", "[config][limits]") {
  CHECK(describe(limit("{ rate: 50/s, burst: 100, key: tenant }")) == "50/s, burst 100, by tenant");
  CHECK(describe(limit("{ concurrency: 7, key: host, mode: report }")) ==
        "7 at a time, by host, reported only");
  CHECK(describe(limit("{ bytes: 1MiB/s, key: response }")) == "1MiB/s, burst 1MiB, by response");
  CHECK(describe(limit(
            "{ rate: 5/h, key: [client_ip, \"cookie:sid\"], v4_prefix: 24, cost: 2, match: { path: /a/, "
            "methods: [GET, POST], headers: { x: y } }, ban: { after: 3 } }")) ==
        "5/h, burst 5, by client_ip/24/64 and cookie:sid, cost 2, GET/POST /a/, 1 field, bans for 15m");
}
