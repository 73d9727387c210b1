// What tenants and routes set, put together by classes of tenants.
#include "plan/treatments.hpp"

#include "sluice/plan/guards.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace sluice;
using namespace sluice::plan;
using namespace std::chrono_literals;

namespace {

const std::string kStart =
    "version: 1\n"
    "listeners: { http: \"127.0.0.1:8080\" }\n"
    "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\n"
    "limits:\n"
    "  a: { rate: 50/s, key: tenant }\n"
    "  b: { rate: 5/m, burst: 9, key: [tenant, client_ip], cost: 2 }\n"
    "  c: { concurrency: 7, key: tenant }\n";

std::shared_ptr<const Plan> good(const std::string& text) {
  config::Diagnostics out;
  auto document =
      std::make_shared<const config::Document>(config::load_text(kStart + text, "t.yaml", "/none", out));
  auto plan = Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
  INFO(out.render(document->files));
  REQUIRE(plan != nullptr);
  return plan;
}

const Treatment* of(const Plan& plan, const std::string& host, const std::string& path = "/") {
  const Match match = plan.routes().find(host, path, "GET");
  REQUIRE(match.route != nullptr);
  return &match.treatment();
}

// A document's limits, tenants and first route, wished for.
struct Wished {
  explicit Wished(const std::string& text)
      : document(config::load_text(kStart + text, "t.yaml", "/none", diagnostics)),
        treatments(document, store, diagnostics),
        defaults(treatments.of_defaults(document.tenants->defaults)) {}
  Wishes tenant(std::size_t i) { return treatments.of_tenant(document.tenants->items[i], defaults, ""); }

  config::Diagnostics diagnostics;
  config::Document document;
  TreatmentStore store;
  Treatments treatments;
  Wishes defaults;
};

using Use = Wishes::Use;

}  // namespace

TEST_CASE("a tenant's limits replace those of the defaults, the rest falls back key by key",
          "[plan][treatments]") {
  Wished wished(
      "tenants:\n"
      "  defaults: { limits: [a, b], max: { body: 1MiB }, timeouts: { connect: 1s, body: 9s } }\n"
      "  items:\n"
      "    plain:\n"
      "    other: { limits: [c, { limit: b, cost: 5 }], timeouts: { connect: 2s } }\n"
      "    none: { limits: [], max: { body: 0 } }\n");
  CHECK(wished.tenant(0) == wished.defaults);
  CHECK(wished.tenant(0).limits == std::vector{Use{0, 1}, Use{1, 2}});
  CHECK(wished.tenant(1).limits == std::vector{Use{2, 1}, Use{1, 5}});
  CHECK(wished.tenant(1).max_body == 1024 * 1024);
  CHECK(wished.tenant(1).timeouts.connect == 2s);
  CHECK(wished.tenant(1).timeouts.body == 9s);
  CHECK(wished.tenant(2).limits.empty());
  CHECK(wished.tenant(2).max_body == 0);
}

TEST_CASE("tenants that have set the same are of one class", "[plan][treatments]") {
  Wished wished(
      "tenants: { defaults: { limits: [a] }, items: { t: , u: { limits: [a] }, v: { limits: [c, a] } } }\n");
  const std::uint32_t first = wished.treatments.class_of(wished.tenant(0));
  CHECK(wished.treatments.class_of(wished.tenant(1)) == first);
  CHECK(wished.treatments.class_of(wished.tenant(2)) != first);
  CHECK(first != 0);
  CHECK(wished.treatments.class_of({}) == 0);
  CHECK(wished.treatments.classes().size() == 3);
}

TEST_CASE(
    "a route's limits come behind its tenant's, and one that both name counts once, at the route's cost",
    "[plan][treatments]") {
  Wished wished(
      "routes: [{ pool: app, limits: [{ limit: b, cost: 9 }, a], max: { body: 5KiB } }]\n"
      "tenants: { defaults: { limits: [c, b], max: { body: 1KiB } } }\n");
  const Wishes route = wished.treatments.of_route(wished.document.routes[0], "routes[0]");
  const auto told = [&](const Wishes& first, const Wishes& tenant) {
    return policy::describe(wished.treatments.settings(first, tenant));
  };
  CHECK(told(route, wished.defaults) == std::vector<std::string>{"c", "b (cost 9)", "a", "max.body 5KiB"});
  CHECK(told({}, wished.defaults) == std::vector<std::string>{"c", "b (cost 2)", "max.body 1KiB"});
  CHECK(told(route, {}) == std::vector<std::string>{"b (cost 9)", "a", "max.body 5KiB"});
  CHECK(told({}, {}).empty());
}

TEST_CASE("who meets which policies is told by classes, and not more than was asked for", "[plan][guards]") {
  const auto plan = good(
      "routes: [{ pool: app }, { path: /x/, pool: app, limits: [c] }]\n"
      "tenants:\n"
      "  from_host: \"{tenant}.example.com\"\n"
      "  defaults: { limits: [a] }\n"
      "  items: { t: , u: { limits: [a] }, v: { limits: [b], routes: [{ path: /own, pool: app, limits: [c] "
      "}] } }\n");
  std::string text;
  for (const Guards::Line& line : guards(*plan, 100).lines) {
    text += line.of + ":";
    for (const std::string& policy : line.policies)
      text += " " + policy;
    text += "\n";
  }
  CHECK(text ==
        "tenants t, u and any other: a\n"
        "tenant v: b (cost 2)\n"
        "requests without a tenant:\n"
        "routes[1] (/x/), tenants t, u and any other: a c\n"
        "routes[1] (/x/), tenant v: b (cost 2) c\n"
        "routes[1] (/x/), requests without a tenant: c\n"
        "tenants.items.v.routes[0] (/own), tenant v: b (cost 2) c\n");
  CHECK(guards(*plan, 3).lines.size() == 3);
  CHECK(guards(*plan, 3).left_out == 4);
  CHECK(guards(*good("routes: [{ pool: app }]\n"), 9).lines.empty());
}

TEST_CASE("on a route that names hosts only those are told who may come there", "[plan][guards]") {
  const auto plan = good(
      "routes:\n"
      "- { hosts: [www.foo.test], pool: app, limits: [c] }\n"
      "- { hosts: [u.example.com], pool: app, limits: [c] }\n"
      "- { hosts: [other.example.com], pool: app, limits: [c] }\n"
      "- { hosts: [\"*.foo.test\", v.test], pool: app, limits: [c] }\n"
      "tenants:\n"
      "  from_host: \"{tenant}.example.com\"\n"
      "  defaults: { pool: app, limits: [a] }\n"
      "  items: { t: , u: { limits: [b] }, v: { limits: [], hosts: [v.test] }, w: { limits: [b], hosts: "
      "[w.foo.test] } }\n");
  std::string text;
  for (const Guards::Line& line : guards(*plan, 100).lines) {
    if (line.of.starts_with("routes")) text += line.of + "\n";
  }
  CHECK(text ==
        "routes[0], requests without a tenant\n"
        "routes[1], tenant u\n"
        "routes[2], any other tenant\n"
        "routes[3], tenant v\n"
        "routes[3], tenant w\n"
        "routes[3], requests without a tenant\n");
}

TEST_CASE("of many limits the listing has twenty", "[plan]") {
  std::string text =
      "version: 1\nlisteners: { http: \"127.0.0.1:8080\" }\npools: { app: { servers: [\"127.0.0.1:1\"] } }\n"
      "routes: [{ pool: app }]\nlimits:\n";
  for (int i = 0; i < 23; ++i)
    text += fmt::format("  l{}: {{ rate: 5/s, key: client_ip }}\n", i);
  config::Diagnostics out;
  auto document = std::make_shared<const config::Document>(config::load_text(text, "t.yaml", "/none", out));
  const auto plan = Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
  REQUIRE(plan != nullptr);
  const std::string told = summary(*plan);
  CHECK(told.find("limit    l19 ") != std::string::npos);
  CHECK(told.find("limit    l20 ") == std::string::npos);
  CHECK(told.find("\nlimits and 3 more; --json has them\n") != std::string::npos);
}

TEST_CASE("of thousands of unknown names only the first are guessed at", "[plan][treatments]") {
  std::string text = "routes: [{ pool: app }]\ntenants:\n  from_host: \"{tenant}.x.test\"\n  items:\n";
  for (int i = 0; i < 150; ++i)
    text += fmt::format("    t{}: {{ pool: app{} }}\n", i, i);
  config::Diagnostics out;
  auto document =
      std::make_shared<const config::Document>(config::load_text(kStart + text, "t.yaml", "/none", out));
  CHECK(Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out) == nullptr);
  CHECK(out.errors() == 150);
  std::size_t guesses = 0;
  for (const config::Diagnostic& item : out.items())
    guesses += item.hint.starts_with("did you mean") ? 1 : 0;
  CHECK(guesses == 100);
}

TEST_CASE("time limits of tenants hold on routes that all of them share", "[plan][treatments]") {
  const auto plan = good(
      "routes: [{ pool: app }, { path: /own, pool: app, timeouts: { first_byte: 1s } }]\n"
      "tenants:\n"
      "  from_host: \"{tenant}.example.com\"\n"
      "  defaults: { timeouts: { first_byte: 3s } }\n"
      "  items: { slow: { timeouts: { first_byte: 5s } }, t: , u: }\n");
  const auto first_byte = [&](const std::string& host, const std::string& path = "/") {
    return std::get<Forward>(of(*plan, host, path)->action).limits.first_byte / 1'000'000'000;
  };
  CHECK(first_byte("nobody.test") == 60);
  CHECK(first_byte("slow.example.com") == 5);
  CHECK(first_byte("t.example.com") == 3);
  CHECK(first_byte("unlisted.example.com") == 3);
  CHECK(first_byte("slow.example.com", "/own") == 1);
  CHECK(of(*plan, "t.example.com") == of(*plan, "u.example.com"));
}

TEST_CASE("the most specific bound of bodies holds", "[plan][treatments]") {
  const auto plan = good(
      "max: { body: 1KiB }\n"
      "routes: [{ pool: app }, { path: /big, pool: app, max: { body: 0 } }]\n"
      "tenants:\n"
      "  from_host: \"{tenant}.example.com\"\n"
      "  defaults: { max: { body: 2KiB } }\n"
      "  items: { t: { max: { body: 3KiB }, routes: [{ path: /own, pool: app }] }, u: }\n");
  const auto policies = [&](const char* host, const char* path = "/") {
    return of(*plan, host, path)->policies;
  };
  CHECK(policies("nobody.test") == nullptr);  // the listener's
  REQUIRE(policies("nobody.test", "/big") != nullptr);
  CHECK(policies("t.example.com", "/big") == policies("nobody.test", "/big"));
  CHECK(policies("t.example.com") == policies("t.example.com", "/own"));
  CHECK(policies("u.example.com") == policies("unlisted.example.com"));
  CHECK(policies("u.example.com") != policies("t.example.com"));
  CHECK(policies("u.example.com") != policies("nobody.test"));
}
