// Whom the checks of a pool ask as, and how.
#include "sluice/plan/plan.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::plan;

namespace {

struct Built {
  std::shared_ptr<const Plan> plan;
  std::string errors;
  std::string warnings;
};

// A pool with these servers' checks, and these tenants.
Built build(const std::string& health, const std::string& tenants, const std::string& pool_keys = "") {
  config::Diagnostics out;
  const std::string text =
      "version: 1\nlisteners: { http: \"127.0.0.1:8080\" }\npools:\n  app: { servers: [\"127.0.0.1:3001\"], "
      "health: " +
      health + pool_keys + " }\n" + tenants;
  auto document = std::make_shared<const config::Document>(config::load_text(text, "t.yaml", "/", out));
  INFO(out.render(document->files));
  REQUIRE(out.empty());
  Built built;
  built.plan = Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
  built.errors = config::render(out.findings(config::Severity::error, document->files));
  built.warnings = config::render(out.findings(config::Severity::warning, document->files));
  return built;
}

using Names = std::vector<std::string>;

// "tenant at host", each.
Names asked(const Built& built) {
  INFO(built.errors);
  REQUIRE(built.plan != nullptr);
  Names out;
  for (const auto& as : built.plan->pools()[0].checks->tenants)
    out.push_back(as.tenant + " at " + as.host);
  return out;
}

const std::string kPattern = "tenants:\n  from_host: \"{tenant}.example.com\"\n  defaults: { pool: app }\n";
const std::string kListed =
    "tenants:\n  defaults: { pool: app, send_header: X-Tenant }\n  items:\n"
    "    acme: { hosts: [\"*.acme.test\", \"www.acme.test\"] }\n"
    "    globex: { hosts: [\"globex.test\"] }\n"
    "    initech: { hosts: [\"*.initech.test\"] }\n"
    "    umbrella: { hosts: [\"umbrella.test\"] }\n";

}  // namespace

TEST_CASE("without as_tenants a check asks as nobody", "[plan][health]") {
  CHECK(asked(build("{}", kListed)).empty());
}

TEST_CASE("a tenant is asked for at a host that leads to it", "[plan][health]") {
  CHECK(asked(build("{ as_tenants: [acme, globex] }", kListed)) ==
        Names{"acme at www.acme.test", "globex at globex.test"});
  CHECK(asked(build("{ as_tenants: [acme] }", kPattern)) == Names{"acme at acme.example.com"});
  CHECK(asked(build("{ as_tenants: [initech], host: health.test }", kListed)) ==
        Names{"initech at health.test"});
  CHECK(build("{ as_tenants: [acme] }", kListed).plan->pools()[0].checks->tenant_header == "X-Tenant");
}

TEST_CASE("a sample is spread over the tenants that are listed, and no larger", "[plan][health]") {
  CHECK(asked(build("{ as_tenants: 2, host: h.test }", kListed)) ==
        Names{"acme at h.test", "initech at h.test"});
  CHECK(asked(build("{ as_tenants: 100, host: h.test }", kListed)).size() == 4);
}

TEST_CASE("tenants that nobody knows, or that no host leads to, are errors", "[plan][health]") {
  CHECK(build("{ as_tenants: [acme, globx] }", kListed).errors ==
        "t.yaml:4:68: pools.app.health.as_tenants: there is no tenant \"globx\"; did you mean \"globex\"?\n");
  CHECK(build("{ as_tenants: [initech] }", kListed).errors ==
        "t.yaml:4:62: pools.app.health.as_tenants: tenant \"initech\" has no host of its own to ask for; set "
        "\"host\"\n");
  CHECK(build("{ as_tenants: 3 }", kPattern).errors.find("no tenants are listed to choose from") !=
        std::string::npos);
}

TEST_CASE("checks speak to servers as requests do, unless told otherwise", "[plan][health]") {
  const std::string routes = "routes: [ { pool: app } ]\n";
  const auto pool = [&](const std::string& health, const std::string& keys = "") {
    return build(health, routes, keys).plan->pools()[0];
  };
  const Pool plain = pool("{}");
  CHECK(plain.checks->wire == plain.wire);
  const Pool secure = pool("{}", ", tls: true, protocol: h2");
  CHECK(secure.checks->wire == secure.wire);
  CHECK(pool("{ type: http }", ", tls: true").checks->wire->tls == nullptr);
  CHECK(pool("{ type: tcp }", ", tls: true").checks->wire->tls == nullptr);
  CHECK(pool("{ type: https }").checks->wire->tls != nullptr);
}

TEST_CASE("checks over https that verify nothing are warned of, with their place", "[plan][health]") {
  const auto warnings = [](const std::string& health, const std::string& pool_keys) {
    const Built built = build(health, kListed, pool_keys);
    REQUIRE(built.plan != nullptr);
    return built.warnings;
  };
  CHECK(warnings("{ type: https }", "") ==
        "t.yaml:4:39: warning: pools.app.health: type: https verifies no certificate, since the pool has no "
        "tls to say how\n");
  CHECK(warnings("{ type: https }", ", tls: true").empty());
  CHECK(warnings("{ type: https }", ", tls: { verify: false }").empty());
  CHECK(warnings("{}", "").empty());
  CHECK(warnings("{ type: tcp }", "").empty());
}
