// Rates and requests under way, request by request; the clock stands still.
#include "sluice/http/forwarding.hpp"
#include "sluice/policy/catalogue.hpp"

#include "unit/policy/visited.hpp"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using config::KeyPart;
using policy::Policy;

namespace {

using Of = KeyPart::Of;

config::Limit rate(std::string name, std::uint64_t count, std::uint64_t burst,
                   std::vector<KeyPart> key = {{Of::tenant, {}, {}}}) {
  config::Limit out;
  out.name = std::move(name);
  out.kind = config::LimitKind::rate;
  out.rate = {count, std::chrono::seconds(1)};
  out.burst = burst;
  out.key = std::move(key);
  return out;
}

config::Limit concurrency(std::string name, std::uint32_t most) {
  config::Limit out;
  out.name = std::move(name);
  out.kind = config::LimitKind::concurrency;
  out.concurrency = most;
  out.key = {{Of::tenant, {}, {}}};
  return out;
}

using Chain = std::shared_ptr<const policy::Chain>;

Chain chain_of(const std::vector<config::Limit>& limits, std::uint32_t cost = 1) {
  policy::Settings settings;
  for (const auto& limit : limits)
    settings.limits.push_back({policy::make_limit(limit, false), cost});
  return policy::compile(settings);
}

// One after the other on the same worker.
struct Scene {
  explicit Scene(Chain policies) : chain(std::move(policies)) {}
  ~Scene() { visited.exchange.reset(); }

  http::Exchange& fresh(std::string_view tenant = "acme", std::string_view client = "192.0.2.1") {
    http::Exchange& exchange = visited.exchange;
    exchange.reset();
    exchange.tenant = tenant;
    exchange.client_ip = client;
    exchange.request.method_text = "GET";
    exchange.request.path = "/";
    exchange.request.host = "acme.test";
    return exchange;
  }
  // The status it got: 0 where the handler was to answer.
  int admit() {
    const bool passed = chain->admit(visited.visit) == Policy::Verdict::pass;
    const int status = passed ? 0 : visited.exchange.response.status;
    chain->shape(visited.visit);
    return status;
  }
  std::string field(std::string_view name) const {
    const http::Field* found = visited.exchange.response.fields.find(name);
    return found != nullptr ? std::string(found->value) : "";
  }
  void add(std::string_view name, std::string_view value) {
    http::Exchange& exchange = visited.exchange;
    exchange.request.fields.add(exchange.arena, name, value, http::field_id(name));
  }
  std::size_t keys() const { return visited.state.ledger.size(); }

  test::Visited visited;
  Chain chain;
};

}  // namespace

TEST_CASE("as many as the burst pass, and each is told what is left", "[policy][limits]") {
  Scene scene(chain_of({rate("standard", 2, 3)}));
  for (const char* left : {"\"standard\";r=2;t=1", "\"standard\";r=1;t=1", "\"standard\";r=0;t=2"}) {
    scene.fresh();
    CHECK(scene.admit() == 0);
    CHECK(scene.field("RateLimit") == left);
    CHECK(scene.field("RateLimit-Policy") == "\"standard\";q=3;w=2");
  }
  scene.fresh();
  CHECK(scene.admit() == 429);
  CHECK(scene.field("RateLimit") == "\"standard\";r=0;t=2");
  CHECK(scene.field("Retry-After") == "1");
  CHECK(scene.field("Proxy-Status") == R"(sluice; error=http_request_denied; details="limit \"standard\"")");
  CHECK(scene.visited.exchange.record.limited == "standard");
  scene.fresh("other");
  CHECK(scene.admit() == 0);
  const auto rows = scene.visited.state.tally.rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].limit == "standard");
  CHECK(rows[0].tenant == "acme");
  CHECK(rows[0].rejected == 1);
}

TEST_CASE("a cost that is not there is not taken", "[policy][limits]") {
  Scene scene(chain_of({rate("standard", 1, 10)}, 4));
  for (int i = 0; i < 2; ++i) {
    scene.fresh();
    CHECK(scene.admit() == 0);
  }
  for (int i = 0; i < 3; ++i) {
    scene.fresh();
    CHECK(scene.admit() == 429);
    CHECK(scene.field("RateLimit") == "\"standard\";r=2;t=8");
    CHECK(scene.field("Retry-After") == "2");
  }
}

TEST_CASE("who refuses, gives the others back what they took", "[policy][limits]") {
  // Both ways round: those behind the one that refuses are asked as well, for the longest wait.
  const bool small_first = GENERATE(true, false);
  std::vector<config::Limit> limits{rate("small", 1, 1), rate("large", 10, 10)};
  if (!small_first) std::swap(limits[0], limits[1]);
  limits.push_back(concurrency("flight", 5));
  Scene scene(chain_of(limits));
  scene.fresh();
  CHECK(scene.admit() == 0);
  for (int i = 0; i < 20; ++i) {
    scene.fresh();
    CHECK(scene.admit() == 429);
    const std::string said = scene.field("RateLimit");
    CHECK(said.find("\"small\";r=0;t=1") != std::string::npos);
    CHECK(said.find("\"large\";r=9;t=1") != std::string::npos);
    CHECK(said.find("\"flight\";r=5") != std::string::npos);
    CHECK(scene.field("Proxy-Status").find("small") != std::string::npos);
  }
}

TEST_CASE("Retry-After is the longest of the waits", "[policy][limits]") {
  config::Limit slow = rate("slow", 1, 1);
  slow.rate.period = std::chrono::minutes(1);
  Scene scene(chain_of({rate("quick", 1, 1), slow}));
  scene.fresh();
  CHECK(scene.admit() == 0);
  scene.fresh();
  CHECK(scene.admit() == 429);
  CHECK(scene.field("Retry-After") == "60");
  CHECK(scene.visited.exchange.record.limited == "quick");
}

TEST_CASE("requests under way are counted until their exchange is over", "[policy][limits]") {
  Scene scene(chain_of({concurrency("flight", 2)}));
  test::Visited second;
  test::Visited third;
  policy::Visit also{second.exchange, second.loop, scene.visited.state};
  policy::Visit late{third.exchange, third.loop, scene.visited.state};
  second.exchange.tenant = third.exchange.tenant = "acme";
  scene.fresh();
  CHECK(scene.admit() == 0);
  CHECK(scene.field("RateLimit-Policy") == R"("flight";q=2;qu="concurrent-requests")");
  CHECK(scene.field("RateLimit") == "\"flight\";r=1");
  CHECK(scene.chain->admit(also) == Policy::Verdict::pass);
  CHECK(scene.chain->admit(late) == Policy::Verdict::answered);
  CHECK(third.exchange.response.status == 429);
  CHECK(third.exchange.response.fields.value(http::FieldId::retry_after) == "1");
  third.exchange.end_notes();
  second.exchange.end_notes();
  CHECK(scene.chain->admit(late) == Policy::Verdict::pass);
  third.exchange.end_notes();
  scene.visited.exchange.end_notes();
  CHECK(scene.keys() == 0);
}

TEST_CASE("a limit that reports refuses nobody and is shown to nobody", "[policy][limits]") {
  config::Limit tried = rate("tried", 1, 1);
  tried.mode = config::LimitMode::report;
  Scene scene(chain_of({tried}));
  for (int i = 0; i < 3; ++i) {
    scene.fresh();
    CHECK(scene.admit() == 0);
    CHECK(scene.field("RateLimit").empty());
    CHECK(scene.visited.exchange.record.limited == (i == 0 ? "" : "report:tried"));
  }
  const auto rows = scene.visited.state.tally.rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].rejected == 0);
  CHECK(rows[0].reported == 2);
}

TEST_CASE("what makes the key tells one client from another", "[policy][limits]") {
  struct Request {
    std::string client = "192.0.2.1";
    std::string tenant = "acme";
    std::string host = "acme.test";
    std::string path = "/";
    std::vector<std::pair<std::string, std::string>> fields{};
  };
  struct Case {
    const char* what;
    std::vector<KeyPart> key;
    Request one;
    Request two;
    bool same;
  };
  const KeyPart client{Of::client_ip, {}, {}};
  const KeyPart tenant{Of::tenant, {}, {}};
  const KeyPart header{Of::header, "x-api-key", {}};
  const KeyPart cookie{Of::cookie, "session", {}};
  const KeyPart path{Of::path, {}, {}};
  const KeyPart host{Of::host, {}, {}};
  const Case cases[] = {
      {"two addresses", {client}, {}, {.client = "192.0.2.2"}, false},
      {"a /64", {client}, {.client = "2001:db8::1"}, {.client = "2001:db8::ffff:0:1"}, true},
      {"two /64", {client}, {.client = "2001:db8::1"}, {.client = "2001:db8:0:1::1"}, false},
      {"mapped is IPv4", {client}, {}, {.client = "::ffff:192.0.2.1"}, true},
      {"another tenant", {client}, {}, {.tenant = "umbrella"}, true},
      {"tenant and client", {tenant, client}, {}, {.tenant = "umbrella"}, false},
      {"values", {header}, {.fields = {{"X-Api-Key", "a"}}}, {.fields = {{"X-Api-Key", "b"}}}, false},
      {"names in any case",
       {header},
       {.fields = {{"X-Api-Key", "a"}}},
       {.fields = {{"x-api-key", "a"}}},
       true},
      {"absent is empty", {header}, {}, {.fields = {{"X-Api-Key", ""}}}, true},
      {"one line or two",
       {header},
       {.fields = {{"X-Api-Key", "a, b"}}},
       {.fields = {{"X-Api-Key", "a"}, {"X-Api-Key", "b"}}},
       true},
      {"a second value counts",
       {header},
       {.fields = {{"X-Api-Key", "a"}}},
       {.fields = {{"X-Api-Key", "a"}, {"X-Api-Key", "b"}}},
       false},
      {"cookies",
       {cookie},
       {.fields = {{"Cookie", "session=1"}}},
       {.fields = {{"Cookie", "session=2"}}},
       false},
      {"other cookies",
       {cookie},
       {.fields = {{"Cookie", "session=1"}}},
       {.fields = {{"Cookie", "a=b; session=1"}}},
       true},
      {"hosts", {host}, {}, {.host = "www.acme.test"}, false},
      {"paths", {path}, {}, {.path = "/x"}, false},
      {"a path in other words", {path}, {.path = "/login"}, {.path = "/%6cogin"}, true},
      {"slashes", {path}, {.path = "/a/b"}, {.path = "/a//b"}, true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Scene scene(chain_of({rate("one", 1, 1, c.key)}));
    int last = 0;
    for (const Request* request : {&c.one, &c.two}) {
      http::Exchange& exchange = scene.fresh(request->tenant, request->client);
      exchange.request.host = request->host;
      exchange.request.path = request->path;
      for (const auto& [name, value] : request->fields)
        scene.add(name, value);
      last = scene.admit();
    }
    CHECK((last == 429) == c.same);
  }
}

TEST_CASE("a limit counts what it matches, and not what is exempt", "[policy][limits]") {
  struct Case {
    const char* what;
    bool counts;
    std::string method = "POST";
    std::string path = "/api/auth/login";
    std::string client = "192.0.2.1";
    std::string kind = "form";
    std::string secret = "";
    bool dotted = false;
  };
  config::Limit limit = rate("login", 1, 1, {{Of::client_ip, {}, {}}});
  limit.match.path = {"/api/auth/", {}};
  limit.match.methods = {{"POST", {}}, {"PUT", {}}};
  limit.match.headers = {{{"X-Kind", {}}, "form"}};
  limit.exempt.client_ip = {{"10.0.0.0/8", {}}};
  limit.exempt.headers = {{{"x-internal", {}}, "secret"}};
  const Case cases[] = {
      {.what = "all of it", .counts = true},
      {.what = "another method", .counts = false, .method = "GET"},
      {.what = "another path", .counts = false, .path = "/api/authors"},
      {.what = "encoded", .counts = true, .path = "/api/%61uth/login"},
      {.what = "slashes", .counts = true, .path = "/api//auth/login"},
      {.what = "parameters", .counts = true, .path = "/api;v=1/auth;x/login"},
      {.what = "nothing but a parameter", .counts = true, .path = "/api/;x/auth/login"},
      {.what = "another separator", .counts = true, .path = "/api%5cauth/login"},
      {.what = "a parameter of another path", .counts = false, .path = "/api;/api/auth/login"},
      {.what = "dots", .counts = true, .path = "/static/../api/auth/login", .dotted = true},
      {.what = "dots to elsewhere", .counts = false, .path = "/static/../api/login", .dotted = true},
      {.what = "another field", .counts = false, .kind = "json"},
      {.what = "an exempt address", .counts = false, .client = "10.1.2.3"},
      {.what = "an exempt field", .counts = false, .secret = "secret"},
      {.what = "not the secret", .counts = true, .secret = "Secret"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Scene scene(chain_of({limit}));
    for (int i = 0; i < 2; ++i) {
      http::Exchange& exchange = scene.fresh("acme", c.client);
      exchange.request.method_text = c.method;
      exchange.request.path = c.path;
      exchange.request.dotted = c.dotted;
      scene.add("x-kind", c.kind);
      if (!c.secret.empty()) scene.add("X-Internal", c.secret);
      CHECK(scene.admit() == (c.counts && i == 1 ? 429 : 0));
      CHECK(scene.field("RateLimit").empty() == !c.counts);
    }
  }
}

TEST_CASE("the application's own fields make way, where there are any of ours", "[policy][limits]") {
  const bool counted = GENERATE(true, false);
  config::Limit limit = rate("standard", 10, 10);
  if (!counted) limit.match.methods = {{"POST", {}}};
  Scene scene(chain_of({limit}));
  http::Exchange& exchange = scene.fresh();
  REQUIRE(scene.chain->admit(scene.visited.visit) == Policy::Verdict::pass);
  for (const char* name : {"ratelimit", "RATELIMIT-POLICY", "X-RateLimit-Limit"})
    exchange.response.fields.add(exchange.arena, name, "theirs", http::field_id(name));
  scene.chain->shape(scene.visited.visit);
  CHECK(scene.field("RateLimit") == (counted ? "\"standard\";r=9;t=1" : "theirs"));
  CHECK(scene.field("RateLimit-Policy") == (counted ? "\"standard\";q=10;w=1" : "theirs"));
  CHECK(scene.field("X-RateLimit-Limit") == "theirs");
}

TEST_CASE("a gRPC client is told by its own status", "[policy][limits]") {
  Scene scene(chain_of({rate("calls", 1, 1)}));
  for (int i = 0; i < 2; ++i) {
    scene.fresh();
    scene.add("content-type", "application/grpc");
    scene.admit();
  }
  CHECK(scene.visited.exchange.response.status == 200);
  CHECK(scene.field("grpc-status") == "8");
  CHECK(scene.field("grpc-message") == "limit \"calls\"");
  CHECK(scene.field("RateLimit") == "\"calls\";r=0;t=1");
}

TEST_CASE("only a tenant that the configuration has is kept when keys are many", "[policy][limits]") {
  const bool listed = GENERATE(true, false);
  Scene scene(chain_of({rate("standard", 1, 1)}));
  scene.visited.state.ledger.set_most(256);  // one to a shard
  scene.fresh("acme").tenant_listed = listed;
  CHECK(scene.admit() == 0);
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "made-up-" + std::to_string(i);
    scene.fresh(name);
    scene.admit();
  }
  scene.fresh("acme").tenant_listed = listed;
  CHECK(scene.admit() == (listed ? 429 : 0));
}

TEST_CASE("limits that only pace count no requests", "[policy][catalogue]") {
  config::Limit pace = rate("pace", 1, 1);
  pace.kind = config::LimitKind::bytes;
  Scene scene(chain_of({pace, rate("standard", 1, 1)}));
  scene.fresh();
  CHECK(scene.admit() == 0);
  CHECK(scene.field("RateLimit") == "\"standard\";r=0;t=1");
}
