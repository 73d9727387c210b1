// From a document to a plan: what becomes of names, limits and certificates, and every error that only the
// plan can find.
#include "sluice/plan/plan.hpp"

#include "unit/tls/certificates.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::plan;
using namespace sluice::test;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

struct Built {
  std::shared_ptr<const Plan> plan;
  std::string errors;
  std::string warnings;
};

Built build(const std::string& text, const std::string& base = "/nonexistent",
            const Plan* previous = nullptr) {
  config::Diagnostics out;
  auto document = std::make_shared<const config::Document>(config::load_text(text, "t.yaml", base, out));
  INFO(out.render(document->files));
  REQUIRE(out.empty());
  Built built;
  built.plan = Plan::build(document, previous, std::make_shared<tls::TicketKeys>(), out);
  built.errors = config::render(out.findings(config::Severity::error, document->files));
  built.warnings = config::render(out.findings(config::Severity::warning, document->files));
  CHECK((built.plan == nullptr) == !built.errors.empty());
  return built;
}

std::string warnings(const std::string& text, const std::string& base = "/nonexistent") {
  const Built built = build(text, base);
  INFO(built.errors);
  CHECK(built.plan != nullptr);
  return built.warnings;
}

std::shared_ptr<const Plan> good(const std::string& text, const std::string& base = "/nonexistent") {
  Built built = build(text, base);
  INFO(built.errors);
  REQUIRE(built.plan != nullptr);
  return built.plan;
}

const std::string kStart =
    "version: 1\n"
    "listeners: { http: \"127.0.0.1:8080\" }\n"
    "pools: { app: { servers: [\"127.0.0.1:3001\"] }, assets: { servers: [\"127.0.0.1:3002\"] } }\n";

// Which pool answers, "-" for none.
std::string pool_for(const Plan& plan, const std::string& host, const std::string& path = "/",
                     const std::string& method = "GET") {
  const Match match = plan.routes().find(host, path, method);
  return match.route == nullptr ? "-"
                                : plan.pools()[std::get<plan::Forward>(match.treatment().action).pool].name;
}

// A directory with one certificate, a.pem and a.key.
struct Certified {
  explicit Certified(const std::string& name = "a.example", long lifetime = 90 * 86400) {
    const tls::KeyPtr key = make_key("ECDSA");
    const tls::X509Ptr leaf = make_certificate(key.get(), {"DNS:" + name}, -10, lifetime);
    dir.write("a.pem", {leaf.get()});
    dir.write("a.key", key.get());
  }
  const std::string& path() const { return dir.path(); }
  TempDir dir;
};

const std::string kTls = "tls: { certificates: [{ cert: a.pem, key: a.key }] }\n";
const std::string kSecure =
    "version: 1\n"
    "listeners: { https: { address: \"127.0.0.1:8443\", tls: true } }\n"
    "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\n";

}  // namespace

TEST_CASE("the smallest plan", "[plan][builder]") {
  const auto plan = good(kStart + "routes: [{ pool: app }]\n");
  REQUIRE(plan->listeners().size() == 1);
  CHECK(plan->listeners()[0].name == "http");
  CHECK(plan->listeners()[0].address.text() == "127.0.0.1:8080");
  CHECK_FALSE(plan->listeners()[0].tls);
  CHECK(plan->tls() == nullptr);
  CHECK(std::get<plan::Fixed>(plan->unknown()).reason.status == 404);
  CHECK(plan->tenant_header().empty());
  CHECK(plan->trusted_proxies().empty());
  CHECK(pool_for(*plan, "anybody.example") == "app");
  CHECK(warnings(kStart + "routes: [{ pool: app }]\n").empty());
}

TEST_CASE("limits come from the most specific place that sets them", "[plan][builder]") {
  const auto plan = good(
      "version: 1\n"
      "timeouts: { connect: 1s, first_byte: 10s, header: 2s, drain: 7s }\n"
      "listeners: { a: \"127.0.0.1:1\", b: { address: \"127.0.0.1:2\", timeouts: { header: 4s, idle: 5s } } "
      "}\n"
      "max: { head: 8KiB, fields: 50, body: 1MiB }\n"
      "pools:\n"
      "  p: { servers: [\"127.0.0.1:3001\"], timeouts: { first_byte: 20s } }\n"
      "  q: { servers: [\"127.0.0.1:3002\"], timeouts: { drain: 9s, upstream_idle: 1s } }\n"
      "routes:\n"
      "  - { path: /slow, pool: p, timeouts: { first_byte: 30s } }\n"
      "  - { pool: p }\n");
  const auto limits_of = [&](const char* path) {
    return std::get<plan::Forward>(plan->routes().find("h", path, "GET").treatment().action).limits;
  };
  CHECK(limits_of("/").connect == kSecond);
  CHECK(limits_of("/").first_byte == 20 * kSecond);
  CHECK(limits_of("/slow").first_byte == 30 * kSecond);
  CHECK(limits_of("/slow").connect == kSecond);
  CHECK(plan->pools()[1].limits.first_byte == 10 * kSecond);
  CHECK(plan->pools()[1].limits.idle == kSecond);
  CHECK(plan->pools()[0].drain == 7 * kSecond);
  CHECK(plan->pools()[1].drain == 9 * kSecond);
  CHECK(plan->drain() == 7 * kSecond);
  const auto& listeners = plan->listeners();
  CHECK(listeners[0].settings.header == 2 * kSecond);
  CHECK(listeners[1].settings.header == 4 * kSecond);
  CHECK(listeners[1].settings.idle == 5 * kSecond);
  CHECK(listeners[0].settings.idle == 75 * kSecond);
  CHECK(listeners[0].settings.limits.bytes == 8 * 1024);
  CHECK(listeners[0].settings.limits.fields == 50);
  CHECK(listeners[0].settings.max_body == 1024 * 1024);
}

TEST_CASE("the defaults of the contract", "[plan][builder]") {
  const auto plan = good(kStart + "routes: [{ pool: app }]\n");
  const http::ServerSettings& settings = plan->listeners()[0].settings;
  CHECK(settings.header == 10 * kSecond);
  CHECK(settings.idle == 75 * kSecond);
  CHECK(settings.body == 30 * kSecond);
  CHECK(settings.limits.bytes == 32 * 1024);
  CHECK(settings.limits.fields == 100);
  CHECK(settings.max_body == 0);
  CHECK(settings.http2.streams == 128);
  CHECK(settings.http2.resets == 500);
  CHECK(settings.http2.control_frames == 1'000);
  CHECK(settings.http2.continuations == 16);
}

TEST_CASE("bounds on HTTP/2 go to every listener, by the minute", "[plan][builder]") {
  const auto bounds = [](const std::string& keys) {
    return good(kStart + "http2: { " + keys + " }\nroutes: [{ pool: app }]\n")->listeners()[0].settings.http2;
  };
  CHECK(bounds("streams: 7").streams == 7);
  CHECK(bounds("continuations: 3").continuations == 3);
  CHECK(bounds("resets: 20/m").resets == 20);
  CHECK(bounds("resets: 20/s").resets == 1'200);
  CHECK(bounds("resets: 1200/h").resets == 20);
  CHECK(bounds("control_frames: 1000000000/s").control_frames == 1'000'000'000);
  CHECK(bounds("control_frames: 1/h").control_frames == 1);  // 0 would refuse the first
}

TEST_CASE("what listeners speak", "[plan][builder]") {
  const Certified files;
  const auto plan = good(
      "version: 1\nlisteners:\n"
      "  both: { address: \":1\", tls: true }\n"
      "  h2: { address: \":2\", tls: true, protocols: [h2] }\n"
      "  http1: { address: \":3\", tls: true, protocols: [http/1.1] }\n"
      "  plain: \":4\"\n"
      "  h2c: { address: \":5\", protocols: [h2c] }\n"
      "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\nroutes: [{ pool: app }]\n" +
          kTls,
      files.path());
  const auto spoken = [&](std::size_t i) {
    const Listener& listener = plan->listeners()[i];
    return std::string(listener.h2 ? "h2 " : "") + (listener.http1 ? "http/1.1 " : "") +
           (listener.h2c ? "h2c " : "");
  };
  CHECK(spoken(0) == "h2 http/1.1 ");
  CHECK(spoken(1) == "h2 ");
  CHECK(spoken(2) == "http/1.1 ");
  CHECK(spoken(3) == "http/1.1 ");
  CHECK(spoken(4) == "h2c ");
}

TEST_CASE("servers are addresses or names, with their weights", "[plan][builder]") {
  const auto plan = good(
      "version: 1\nlisteners: { a: \":80\" }\n"
      "pools: { p: { servers: [\"127.0.0.1:1\", { address: \"app.internal:2\", weight: 7 }, "
      "\"unix:/run/a.sock\", \"[::1]:4\"] } }\n"
      "routes: [{ pool: p }]\n");
  const auto& servers = plan->pools()[0].servers;
  REQUIRE(servers.size() == 4);
  CHECK(servers[0].address.text() == "127.0.0.1:1");
  CHECK(servers[0].weight == 1);
  CHECK(servers[0].host.empty());
  CHECK(servers[1].host == "app.internal");
  CHECK(servers[1].port == 2);
  CHECK(servers[1].weight == 7);
  CHECK(servers[2].address.is_unix());
  CHECK(servers[3].address.text() == "[::1]:4");
}

TEST_CASE("a path that ends in a slash is a prefix", "[plan][builder]") {
  const auto plan =
      good(kStart + "routes: [{ path: /a/, pool: assets }, { path: /b, pool: assets }, { pool: app }]\n");
  CHECK(pool_for(*plan, "h", "/a/x") == "assets");
  CHECK(pool_for(*plan, "h", "/a") == "app");
  CHECK(pool_for(*plan, "h", "/b") == "assets");
  CHECK(pool_for(*plan, "h", "/b/x") == "app");
}

TEST_CASE("tenants by pattern, by host, with pools and routes of their own", "[plan][builder]") {
  const auto plan = good(kStart +
                         "tenants:\n"
                         "  from_host: \"{tenant}.Example.com\"\n"
                         "  unknown: 410\n"
                         "  defaults: { pool: app, send_header: X-Tenant }\n"
                         "  items:\n"
                         "    acme: { hosts: [\"WWW.Acme.test\"] }\n"
                         "    globex: { pool: assets }\n"
                         "    initech: { routes: [{ path: /assets/, pool: assets }] }\n");
  CHECK(std::get<plan::Fixed>(plan->unknown()).reason.status == 410);
  CHECK(plan->tenant_header() == "X-Tenant");
  const auto tenant_of = [&](const char* host) {
    return std::string(plan->routes().find(host, "/", "GET").tenant);
  };
  CHECK(tenant_of("acme.example.com") == "acme");
  CHECK(tenant_of("www.acme.test") == "acme");
  CHECK(tenant_of("anybody.example.com") == "anybody");
  CHECK(tenant_of("example.com").empty());
  CHECK(pool_for(*plan, "acme.example.com") == "app");
  CHECK(pool_for(*plan, "www.acme.test") == "app");
  CHECK(pool_for(*plan, "globex.example.com") == "assets");
  CHECK(pool_for(*plan, "initech.example.com", "/assets/x") == "assets");
  CHECK(pool_for(*plan, "initech.example.com", "/") == "app");
  CHECK(pool_for(*plan, "anybody.example.com", "/assets/x") == "app");
  CHECK(pool_for(*plan, "nobody.test") == "-");
}

TEST_CASE("a pool that does not exist is an error, with the one that was meant", "[plan][builder]") {
  const Built built = build(kStart +
                            "routes:\n"
                            "  - { pool: assests }\n"
                            "  - { pool: something-else }\n"
                            "tenants: { from_host: \"{tenant}.example.com\", defaults: { pool: aps },\n"
                            "  items: { acme: { pool: asset, routes: [{ path: /x, pool: nope }] } } }\n");
  CHECK(built.errors ==
        "t.yaml:5:13: routes[0].pool: there is no pool \"assests\"; did you mean \"assets\"?\n"
        "t.yaml:6:13: routes[1].pool: there is no pool \"something-else\"\n"
        "t.yaml:7:65: tenants.defaults.pool: there is no pool \"aps\"; did you mean \"app\"?\n"
        "t.yaml:8:26: tenants.items.acme.pool: there is no pool \"asset\"; did you mean \"assets\"?\n"
        "t.yaml:8:60: tenants.items.acme.routes[0].pool: there is no pool \"nope\"\n");
}

TEST_CASE("a host claimed by two tenants is an error at the second place", "[plan][builder]") {
  const Built built =
      build(kStart +
            "tenants:\n"
            "  from_host: \"{tenant}.example.com\"\n"
            "  defaults: { pool: app }\n"
            "  items:\n"
            "    acme: { hosts: [\"shared.test\", \"*.wild.test\"] }\n"
            "    globex: { hosts: [\"Shared.Test.\", \"*.wild.test\", \"acme.example.com\"] }\n"
            "    initech: { hosts: [\"initech.example.com\"] }\n");
  CHECK(
      built.errors ==
      "t.yaml:9:23: tenants.items.globex.hosts[0]: host \"shared.test\" belongs to tenant \"acme\" already\n"
      "t.yaml:9:39: tenants.items.globex.hosts[1]: host \"*.wild.test\" belongs to tenant \"acme\" already\n"
      "t.yaml:9:54: tenants.items.globex.hosts[2]: host \"acme.example.com\" belongs to tenant \"acme\" "
      "already\n");
}

TEST_CASE("a tenant nobody can reach, or that leads nowhere", "[plan][builder]") {
  CHECK(build(kStart + "tenants: { items: { acme: { pool: app } } }\n")
            .errors.find("no host leads to this tenant") != std::string::npos);
  CHECK(build(kStart + "tenants: { items: { acme: { hosts: [a.test] } } }\n").errors.find("no pool") !=
        std::string::npos);
  CHECK(build(kStart + "tenants: { from_host: \"{tenant}.a.test\" }\n").errors.find("need a default pool") !=
        std::string::npos);
  CHECK(build(kStart + "routes: [{ pool: app }]\ntenants: { from_host: \"{tenant}.a.test\" }\n")
            .errors.empty());
}

TEST_CASE("a pattern is {tenant} and a domain", "[plan][builder]") {
  for (const char* pattern : {"{tenant}", "{tenant}.", "{tenants}.a.test", "a.{tenant}.test", "*.a.test",
                              "{tenant}.a b", "tenant.a.test"}) {
    CAPTURE(pattern);
    config::Diagnostics out;
    const std::string text =
        kStart + "tenants: { from_host: \"" + pattern + "\", defaults: { pool: app } }\n";
    auto document = std::make_shared<const config::Document>(config::load_text(text, "t.yaml", "/x", out));
    const auto plan = Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
    CHECK(plan == nullptr);
    CHECK(out.render(document->files).find("from_host") != std::string::npos);
  }
}

TEST_CASE("a plan serves something", "[plan][builder]") {
  CHECK(build(kStart).errors == "t.yaml:1:1: nothing to serve: neither routes nor tenants are configured\n");
}

TEST_CASE("TLS needs certificates, and https a listener", "[plan][builder]") {
  CHECK(build(kSecure + "routes: [{ pool: app }]\n").errors ==
        "t.yaml:2:14: listeners.https: tls: true needs tls.certificates\n");
  CHECK(build("version: 1\nlisteners: { http: { address: \":80\", redirect: https } }\n"
              "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\nroutes: [{ pool: app }]\n")
            .errors ==
        "t.yaml:2:14: listeners.http: redirect: https needs a listener with tls: true to go to\n");
}

TEST_CASE("certificates that nobody is shown are an error", "[plan][builder]") {
  CHECK(build("version: 1\nlisteners: { https: \":443\" }\n"
              "tls: { certificates: [{ cert: a.pem, key: a.key }] }\n"
              "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\nroutes: [{ pool: app }]\n")
            .errors.find("t.yaml:3:1: tls: no listener has \"tls: true\", so nobody would be shown") !=
        std::string::npos);
}

TEST_CASE("listeners the kernel would not bind beside each other are an error", "[plan][builder]") {
  const std::string rest = "pools: { app: { servers: [\"127.0.0.1:3001\"] } }\nroutes: [{ pool: app }]\n";
  CHECK(build("version: 1\nlisteners: { a: \":80\", b: \"127.0.0.1:80\", c: \"127.0.0.1:81\" }\n" + rest)
            .errors == "t.yaml:2:27: listeners.b: 127.0.0.1:80 overlaps with :80 of listeners.a\n");
  good(
      "version: 1\nlisteners: { a: \"127.0.0.1:80\", b: \"127.0.0.2:80\", c: \":0\", d: \"127.0.0.1:0\" }\n" +
      rest);
}

TEST_CASE("certificates are read, relative to the file that names them", "[plan][builder]") {
  const Certified files;
  const auto plan = good(kSecure + kTls + "routes: [{ hosts: [a.example], pool: app }]\n", files.path());
  REQUIRE(plan->tls() != nullptr);
  CHECK(plan->tls()->certificates().covers("a.example"));
  CHECK(plan->listeners()[0].tls);
  CHECK_FALSE(plan->certificates_changed());
  std::filesystem::last_write_time(files.dir.file("a.key"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(plan->certificates_changed());
}

TEST_CASE("a certificate that cannot be read is an error at its place", "[plan][builder]") {
  const Certified files;
  const Certified others;
  std::filesystem::copy(others.dir.file("a.key"), files.dir.file("other.key"));
  const Built built = build(kSecure +
                                "tls:\n  certificates:\n"
                                "    - { cert: missing.pem, key: a.key }\n"
                                "    - { cert: a.pem, key: missing.key }\n"
                                "    - { cert: a.pem, key: other.key }\n"
                                "routes: [{ pool: app }]\n",
                            files.path());
  CHECK(built.errors.find("t.yaml:6:15: tls.certificates[0].cert: cannot read") != std::string::npos);
  CHECK(built.errors.find("t.yaml:7:27: tls.certificates[1].key: cannot read") != std::string::npos);
  CHECK(built.errors.find("t.yaml:8:27: tls.certificates[2].key: the key in") != std::string::npos);
  CHECK(std::count(built.errors.begin(), built.errors.end(), '\n') == 3);
}

TEST_CASE("certificates whose files did not change are taken over from the plan before", "[plan][builder]") {
  const Certified files;
  const std::string text = kSecure + kTls + "routes: [{ hosts: [a.example], pool: app }]\n";
  const auto first = good(text, files.path());
  const Built second = build(text, files.path(), first.get());
  REQUIRE(second.plan != nullptr);
  const auto identity = [](const Plan& plan) { return plan.tls()->certificates().identities()[0]; };
  CHECK(identity(*second.plan) == identity(*first));
  std::filesystem::last_write_time(files.dir.file("a.pem"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  const Built third = build(text, files.path(), first.get());
  REQUIRE(third.plan != nullptr);
  CHECK(identity(*third.plan) != identity(*first));
}

TEST_CASE("how the servers of a pool are spoken to", "[plan][builder]") {
  const Certified files;
  const auto plan = good(
      "version: 1\nlisteners: { http: \":80\" }\npools:\n"
      "  plain: { servers: [\"127.0.0.1:1\"] }\n"
      "  plain-too: { servers: [\"127.0.0.1:2\"], protocol: http/1.1, tls: false }\n"
      "  h2c: { servers: [\"127.0.0.1:1\"], protocol: h2 }\n"
      "  tls: { servers: [\"127.0.0.1:1\"], tls: true }\n"
      "  h2: { servers: [\"127.0.0.1:1\"], protocol: h2, tls: { server_name: a.example } }\n"
      "  h2-b: { servers: [\"127.0.0.1:1\"], protocol: h2, tls: { server_name: b.example } }\n"
      "  own: { servers: [\"127.0.0.1:1\"], tls: { ca: a.pem } }\n"
      "  open: { servers: [\"127.0.0.1:1\"], tls: { verify: false } }\n"
      "routes: [{ pool: plain }]\n",
      files.path());
  const auto wire = [&](std::size_t i) { return plan->pools()[i].wire; };
  CHECK_FALSE(wire(0)->h2);
  CHECK(wire(0)->tls == nullptr);
  CHECK(wire(1) == wire(0));
  CHECK(wire(2)->h2);
  CHECK(wire(2)->tls == nullptr);
  CHECK(wire(3)->tls != nullptr);
  CHECK_FALSE(wire(3)->h2);
  CHECK(wire(3)->server_name.empty());
  CHECK(wire(4)->h2);
  CHECK(wire(4)->server_name == "a.example");
  // Which connections are interchangeable: none of two pools that differ in anything.
  for (std::size_t a = 1; a < plan->pools().size(); ++a) {
    for (std::size_t b = a + 1; b < plan->pools().size(); ++b) {
      CAPTURE(a, b, wire(a)->key);
      CHECK(wire(a)->key != wire(b)->key);
    }
  }
}

TEST_CASE("a CA file that cannot be used is an error at its place", "[plan][builder]") {
  const Certified files;
  const Built built = build(
      "version: 1\nlisteners: { http: \":80\" }\npools:\n"
      "  a: { servers: [\"127.0.0.1:1\"], tls: { ca: missing.pem } }\n"
      "  b: { servers: [\"127.0.0.1:1\"], tls: { ca: a.key, verify: false } }\n"
      "  c: { servers: [\"127.0.0.1:1\"], tls: { ca: missing.pem } }\n"
      "routes: [{ pool: a }]\n",
      files.path());
  CHECK(built.errors.find("t.yaml:4:45: pools.a.tls.ca: cannot read " + files.dir.file("missing.pem") +
                          ": No such file or directory\n") != std::string::npos);
  CHECK(built.errors.find("t.yaml:5:45: pools.b.tls.ca: no certificate in " + files.dir.file("a.key")) !=
        std::string::npos);
  CHECK(built.errors.find("t.yaml:6:45: pools.c.tls.ca: cannot read") != std::string::npos);
  CHECK(std::count(built.errors.begin(), built.errors.end(), '\n') == 3);
}

TEST_CASE("ways to servers are taken over from the plan before, until the CA file changes",
          "[plan][builder]") {
  const Certified files;
  const auto text = [](const std::string& rest) {
    return "version: 1\nlisteners: { http: \":80\" }\npools:\n"
           "  plain: { servers: [\"127.0.0.1:1\"] }\n"
           "  app: { servers: [\"127.0.0.1:1\"], tls: { ca: a.pem" +
           rest + " } }\nroutes: [{ pool: app }]\n";
  };
  const auto first = good(text(""), files.path());
  const auto after = [&](const std::string& keys) {
    const Built built = build(text(keys), files.path(), first.get());
    REQUIRE(built.plan != nullptr);
    return built.plan;
  };
  const auto wire = [](const Plan& plan) { return plan.pools()[1].wire; };
  CHECK(wire(*after("")) == wire(*first));
  CHECK(after("")->pools()[0].wire == first->pools()[0].wire);
  CHECK(wire(*after(", server_name: other.example")) != wire(*first));
  CHECK(wire(*after(", verify: false"))->key != wire(*first)->key);
  CHECK_FALSE(first->certificates_changed());
  std::filesystem::last_write_time(files.dir.file("a.pem"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(first->certificates_changed());
  const auto second = after("");
  CHECK(wire(*second) != wire(*first));
  CHECK(wire(*second)->key != wire(*first)->key);
  CHECK(wire(*second)->tls != wire(*first)->tls);
  CHECK_FALSE(second->certificates_changed());
}

TEST_CASE("warnings: hosts that no certificate covers, certificates about to expire", "[plan][builder]") {
  const auto about = [](const Certified& files, const std::string& rest) {
    return warnings(kSecure + kTls + rest, files.path());
  };
  const Certified fresh;
  CHECK(about(fresh, "routes: [{ hosts: [a.example, b.example, \"*.a.example\"], pool: app }]\n") ==
        "t.yaml:5:31: warning: routes[0].hosts[1]: no certificate covers b.example\n"
        "t.yaml:5:42: warning: routes[0].hosts[2]: no certificate covers *.a.example\n");
  CHECK(about(fresh, "tenants: { from_host: \"{tenant}.c.example\", defaults: { pool: app } }\n")
            .find("covers *.c.example") != std::string::npos);
  std::string many = "routes: [{ pool: app, hosts: [a.example";
  for (int i = 0; i < 20; ++i)
    many += ", h" + std::to_string(i) + ".example";
  const std::string lines = about(fresh, many + "] }]\n");
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 5);
  CHECK(lines.find("no certificate covers h4.example, nor 15 hosts further on\n") != std::string::npos);

  const Certified soon("a.example", 3 * 86400 + 60);
  CHECK(about(soon, "routes: [{ pool: app }]\n").find("expires in 3 days") != std::string::npos);
  const Certified late("a.example", -1);
  CHECK(about(late, "routes: [{ pool: app }]\n").find("has expired") != std::string::npos);
}

TEST_CASE("warnings: certificates that cover no host", "[plan][builder]") {
  const Certified files;
  const auto about = [&](const std::string& rest) { return warnings(kSecure + kTls + rest, files.path()); };
  const std::string useless = "no host is configured that this certificate covers: a.example";
  CHECK(about("routes: [{ hosts: [b.example], pool: app }]\n").find(useless) != std::string::npos);
  CHECK(about("routes: [{ hosts: [a.example], pool: app }]\n").empty());
  CHECK(about("routes: [{ hosts: [\"*.example\"], pool: app }]\n").find(useless) == std::string::npos);
  // Any host may be asked for.
  CHECK(about("routes: [{ hosts: [b.example], pool: app }, { pool: app }]\n").find(useless) ==
        std::string::npos);
}

TEST_CASE("all errors come at once", "[plan][builder]") {
  const Built built = build(
      "version: 1\nlisteners: { a: { address: \":80\", redirect: https } }\npools: { app: { servers: "
      "[\"127.0.0.1:3001\"] } }\n"
      "routes: [{ pool: nope }]\ntenants: { items: { acme: { pool: none } } }\n");
  CHECK(built.plan == nullptr);
  CHECK(std::count(built.errors.begin(), built.errors.end(), '\n') == 4);
}

TEST_CASE("the summary names what is served", "[plan][builder]") {
  const Certified files;
  const auto plan =
      good(kSecure + kTls + "tenants: { from_host: \"{tenant}.a.example\", defaults: { pool: app } }\n",
           files.path());
  const std::string text = summary(*plan);
  for (const char* part :
       {"https", "127.0.0.1:8443", "TLS", "app", "1 server", "{tenant}.a.example", "ECDSA", "a.example"}) {
    CAPTURE(part, text);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("the summary tells what is spoken, with clients and with servers", "[plan][builder]") {
  const Certified files;
  const std::string text =
      summary(*good("version: 1\nlisteners:\n"
                    "  both: { address: \":1\", tls: true }\n"
                    "  h2: { address: \":2\", tls: true, protocols: [h2] }\n"
                    "  http1: { address: \":3\", tls: true, protocols: [http/1.1] }\n"
                    "  plain: { address: \":4\", redirect: https }\n"
                    "  h2c: { address: \":5\", protocols: [h2c] }\n"
                    "pools:\n"
                    "  a: { servers: [\"127.0.0.1:1\", \"127.0.0.1:2\"] }\n"
                    "  b: { servers: [\"127.0.0.1:1\"], protocol: h2 }\n"
                    "  c: { servers: [\"127.0.0.1:1\"], protocol: h2, tls: true }\n"
                    "  d: { servers: [\"127.0.0.1:1\"], tls: { verify: false } }\n"
                    "routes: [{ pool: a }]\n" +
                        kTls,
                    files.path()));
  CHECK(
      text.starts_with("listener both         :1, TLS, h2 http/1.1\n"
                       "listener h2           :2, TLS, h2\n"
                       "listener http1        :3, TLS, http/1.1\n"
                       "listener plain        :4, http/1.1, redirects to https\n"
                       "listener h2c          :5, h2c\n"
                       "pool     a            2 servers\n"
                       "pool     b            1 server, h2\n"
                       "pool     c            1 server, h2, TLS\n"
                       "pool     d            1 server, TLS without verification\n"));
}
