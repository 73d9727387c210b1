// What a good pool becomes.
#include "sluice/config/load.hpp"

#include "config/schemas.hpp"

#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice::config;
using namespace std::chrono_literals;

namespace {

Pool load_pool(const std::string& keys) {
  Diagnostics out;
  const Document document = load_text(
      "version: 1\nlisteners: { http: \":8080\" }\npools:\n  app:\n    servers: [\"127.0.0.1:3001\"]\n" +
          keys,
      "t.yaml", "/etc/sluice", out);
  INFO(out.render(document.files));
  REQUIRE(out.empty());
  REQUIRE(document.pools.size() == 1);
  return document.pools[0];
}

// A map with the keys in `without_default`, and those of `schema` that have a default, with the default that
// the reference names.
template <class T>
std::string written_defaults(const std::string& name, const Schema<T>& schema,
                             const std::string& without_default = {}) {
  std::string out = "    " + name + ": { " + without_default;
  for (const Key<T>& key : schema.keys) {
    const std::string fallback(key.text.fallback);
    const bool words = fallback.find(' ') != std::string::npos && fallback.front() != '[';
    if (fallback == "none" || fallback == kRequired || words) continue;
    out += std::string(key.text.name) + ": " + fallback + ", ";
  }
  return out + "}\n";
}

// Whether both stand for the same, in whatever order and ranges it is written.
bool same(const Failures& a, const Failures& b) {
  for (std::uint16_t status = 100; status <= 599; ++status) {
    if (covers(a.statuses, status) != covers(b.statuses, status)) return false;
  }
  return a.connect == b.connect && a.reset == b.reset && a.timeout == b.timeout;
}

}  // namespace

TEST_CASE("a pool that says nothing has every default", "[config]") {
  const Pool pool = load_pool("");
  CHECK(pool.balance.by == Balancing::least_connections);
  CHECK_FALSE(pool.sticky);
  CHECK(pool.max_connections == 0);
  CHECK_FALSE(pool.queue);
  CHECK(pool.slow_start == 0s);
  CHECK_FALSE(pool.health);
  CHECK_FALSE(pool.outlier);
  CHECK(pool.panic.below == 0);
  CHECK(pool.panic.then == PanicThen::refuse);
  CHECK(pool.retry.attempts == 2);
  CHECK(pool.retry.on == Failures{.connect = true, .reset = true, .timeout = false, .statuses = {}});
  CHECK_FALSE(pool.servers[0].backup);
  CHECK_FALSE(pool.servers[0].max_connections);
}

TEST_CASE("defaults of the reference are those of a pool", "[config]") {
  const Pool written = load_pool(
      "    max_connections: 1\n" + written_defaults("balance", kBalanceSchema, "hash: path, ") +
      written_defaults("sticky", kStickySchema, "cookie: c, ") +
      written_defaults("queue", kQueueSchema, "size: 1, ") + written_defaults("health", kHealthSchema) +
      written_defaults("panic", kPanicSchema) + written_defaults("retry", kRetrySchema));
  const Pool bare = load_pool("    health: {}\n    outlier: {}\n");
  CHECK(written.balance.bound == bare.balance.bound);
  CHECK(written.sticky->path == Sticky{}.path);
  CHECK(written.sticky->same_site == Sticky{}.same_site);
  CHECK(written.sticky->secure == Sticky{}.secure);
  CHECK(written.queue->timeout == Queue{}.timeout);
  CHECK(written.health->path == bare.health->path);
  CHECK(written.health->method == bare.health->method);
  CHECK(written.health->interval == bare.health->interval);
  CHECK(written.health->jitter == bare.health->jitter);
  CHECK(written.health->timeout == bare.health->timeout);
  CHECK(written.health->rise == bare.health->rise);
  CHECK(written.health->fall == bare.health->fall);
  CHECK(written.health->start == bare.health->start);
  CHECK(written.panic.below == bare.panic.below);
  CHECK(written.panic.then == bare.panic.then);
  CHECK(written.retry.attempts == bare.retry.attempts);
  CHECK(same(written.retry.on, bare.retry.on));
  CHECK(written.retry.budget == bare.retry.budget);
  CHECK(written.retry.budget_min == bare.retry.budget_min);
  CHECK(written.retry.body == bare.retry.body);

  // `error_rate: 0` makes two keys beside it an error: they are written with a rate.
  std::string outlier = written_defaults("outlier", kOutlierSchema);
  outlier.replace(outlier.find("error_rate: 0"), 13, "error_rate: 1");
  const Outlier other = *load_pool(outlier).outlier;
  CHECK(other.consecutive_errors == bare.outlier->consecutive_errors);
  CHECK(other.min_requests == bare.outlier->min_requests);
  CHECK(other.interval == bare.outlier->interval);
  CHECK(same(other.errors, bare.outlier->errors));
  CHECK(other.ejection == bare.outlier->ejection);
  CHECK(other.max_ejected == bare.outlier->max_ejected);
  CHECK(bare.outlier->error_rate == 0);
  CHECK(bare.outlier->ejection_max == 5min);
  CHECK(bare.health->timeout == 1s);
  CHECK(bare.health->expect.status == std::vector<StatusRange>{{200, 399}});
}

TEST_CASE("every key of a pool reaches its member", "[config]") {
  Diagnostics out;
  const Document document = load(SLUICE_SOURCE_DIR "/tests/golden/config/everything.yaml", out);
  REQUIRE(out.empty());
  const Pool& pool = document.pools[2];
  REQUIRE(pool.name == "healing");
  CHECK(pool.servers[1].backup);
  CHECK(pool.servers[1].max_connections == 7);

  CHECK(pool.balance.by == Balancing::hash);
  CHECK(pool.balance.hash == HashBy::header);
  CHECK(pool.balance.name == "X-User");
  CHECK(pool.balance.bound == 150);
  CHECK(pool.sticky->cookie.value == "server");
  CHECK(pool.sticky->ttl == 1h);
  CHECK(pool.sticky->path == "/app/");
  CHECK(pool.sticky->same_site == SameSite::none);
  CHECK(pool.sticky->secure == SecureCookie::always);
  CHECK(pool.max_connections == 50);
  CHECK(pool.queue->size == 200);
  CHECK(pool.queue->timeout == 3s);
  CHECK(pool.slow_start == 30s);

  const Health& health = *pool.health;
  CHECK(health.at.line == 36);
  CHECK(health.at.column == 5);
  CHECK(health.type == CheckType::https);
  CHECK(health.path == "/health?full=1");
  CHECK(health.method == "OPTIONS");
  CHECK(health.host == "app.example:8443");
  REQUIRE(health.headers.size() == 1);
  CHECK(health.headers[0].name == "X-Tenant");
  CHECK(health.headers[0].value.value == "{tenant}");
  CHECK(health.port == 9000);
  CHECK(health.interval == 5s);
  CHECK(health.jitter == 12.5);
  CHECK(health.timeout == 500ms);
  CHECK(health.rise == 4);
  CHECK(health.fall == 5);
  CHECK(health.start == CheckStart::up);
  REQUIRE(health.as_tenants->names.size() == 2);
  CHECK(health.as_tenants->names[1].value == "globex");
  CHECK(health.as_tenants->sample == 0);

  const Expect& expect = health.expect;
  CHECK(expect.status == std::vector<StatusRange>{{200, 200}, {300, 399}});
  CHECK(expect.body->value == "\"status\":\"ok\"");
  CHECK(expect.body_regex->value == "v\\d+");
  using Path = std::vector<std::string>;
  REQUIRE(expect.json.size() == 4);
  CHECK(expect.json[0].path == Path{"tenant"});
  CHECK(std::get<std::string>(expect.json[0].value) == "{tenant}");
  CHECK(expect.json[1].path == Path{"database", "up"});
  CHECK(std::get<bool>(expect.json[1].value));
  CHECK(expect.json[2].path == Path{"database", "lag"});
  CHECK(std::get<double>(expect.json[2].value) == 0.5);
  CHECK(expect.json[3].path == Path{"error"});
  CHECK(std::holds_alternative<std::nullptr_t>(expect.json[3].value));

  CHECK(pool.outlier->consecutive_errors == 3);
  CHECK(pool.outlier->error_rate == 20);
  CHECK(pool.outlier->min_requests == 10);
  CHECK(pool.outlier->interval == 5s);
  CHECK(pool.outlier->errors ==
        Failures{.connect = false, .reset = true, .timeout = false, .statuses = {{500, 599}}});
  CHECK(pool.outlier->ejection == 1s);
  CHECK(pool.outlier->ejection_max == 1min);
  CHECK(pool.outlier->max_ejected == 30);
  CHECK(pool.panic.below == 25);
  CHECK(pool.panic.then == PanicThen::all);
  CHECK(pool.retry.attempts == 3);
  CHECK(pool.retry.on ==
        Failures{.connect = true, .reset = false, .timeout = true, .statuses = {{503, 503}}});
  CHECK(pool.retry.budget == 12.5);
  CHECK(pool.retry.budget_min == 1);
  CHECK(pool.retry.per_try_timeout == 2s);
  CHECK(pool.retry.body == 16 * 1024);

  const Pool& sampling = document.pools[3];
  CHECK(sampling.health->as_tenants->names.empty());
  CHECK(sampling.health->as_tenants->sample == 2);
  CHECK(sampling.balance.by == Balancing::round_robin);
  CHECK(sampling.retry.attempts == 1);
}

TEST_CASE("what is not written follows from what is", "[config]") {
  CHECK(load_pool("    health: {}\n").health->type == CheckType::http);
  CHECK(load_pool("    health: {}\n    tls: true\n").health->type == CheckType::https);
  CHECK(load_pool("    tls: true\n    health: { type: http }\n").health->type == CheckType::http);
  CHECK(load_pool("    health: { interval: 300ms }\n").health->timeout == 300ms);
  CHECK(load_pool("    health: { interval: 10s }\n").health->timeout == 1s);
  CHECK(load_pool("    outlier: { ejection: 10m }\n").outlier->ejection_max == 10min);
}

TEST_CASE("an environment variable may be called tenant", "[config]") {
  ::setenv("tenant", "acme", 1);
  const Pool pool = load_pool("    health: { expect: { body: \"for ${tenant}\" } }\n");
  ::unsetenv("tenant");
  CHECK(pool.health->expect.body->value == "for acme");
}

TEST_CASE("JSON values have the type they are written with", "[config]") {
  const auto value_of = [](const std::string& written) {
    const Pool pool = load_pool("    health: { expect: { json: { a: " + written + " } } }\n");
    return pool.health->expect.json.at(0).value;
  };
  for (const char* text : {"ok", "'1'", "\"true\"", "\"null\"", "0x1f", "1_000", "01", ".5", "1.", "1e", "+1",
                           "-a", "1.2.3", "True", "yes", "2024-01-01"}) {
    CAPTURE(text);
    CHECK(std::holds_alternative<std::string>(value_of(text)));
  }
  CHECK(std::get<std::string>(value_of("''")).empty());
  CHECK(std::get<double>(value_of("0")) == 0);
  CHECK(std::get<double>(value_of("-0.25")) == -0.25);
  CHECK(std::get<double>(value_of("1.5E+3")) == 1500);
  CHECK(std::get<double>(value_of("999999999999999")) == 999'999'999'999'999);
  CHECK(std::get<bool>(value_of("true")));
  CHECK_FALSE(std::get<bool>(value_of("false")));
  CHECK(std::holds_alternative<std::nullptr_t>(value_of("null")));
  CHECK(std::holds_alternative<std::nullptr_t>(value_of("~")));
}
