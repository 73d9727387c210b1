// What a good file becomes.
#include "sluice/config/load.hpp"

#include "config/schemas.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice::config;
using namespace std::chrono_literals;

namespace {

Document load_good(const std::string& text, const std::string& base = "/etc/sluice") {
  Diagnostics out;
  Document document = load_text(text, "t.yaml", base, out);
  INFO(out.render(document.files));
  REQUIRE(out.empty());
  return document;
}

const std::string kStart =
    "version: 1\nlisteners: { http: \":8080\" }\npools: { app: { servers: [\"127.0.0.1:3001\"] } }\n";

// A map in which every key of `schema` has the default that the reference names.
template <class T>
std::string written_defaults(const Schema<T>& schema) {
  std::string out = std::string(schema.text.where) + ": {";
  for (const Key<T>& key : schema.keys) {
    if (key.text.fallback.starts_with("the system's")) continue;
    out +=
        (out.back() == '{' ? " " : ", ") + std::string(key.text.name) + ": " + std::string(key.text.fallback);
  }
  return out + " }\n";
}

}  // namespace

TEST_CASE("the smallest file takes every default", "[config]") {
  const Document document = load_good(kStart);
  CHECK(document.files == std::vector<std::string>{"t.yaml"});
  REQUIRE(document.listeners.size() == 1);
  CHECK(document.listeners[0].name == "http");
  CHECK(document.listeners[0].address.value == ":8080");
  CHECK(document.listeners[0].at.line == 2);
  CHECK(document.listeners[0].at.column == 14);
  CHECK_FALSE(document.listeners[0].tls);
  REQUIRE(document.pools.size() == 1);
  CHECK(document.pools[0].servers[0].weight == 1);
  CHECK_FALSE(document.timeouts.header);
  CHECK_FALSE(document.pools[0].timeouts.connect);
  CHECK_FALSE(document.listeners[0].timeouts);
  CHECK(document.admin.value == "unix:/run/sluice/admin.sock");
  CHECK(document.admin.at.line == 0);
  CHECK(document.workers == 0);
  CHECK_FALSE(document.tls);
  CHECK_FALSE(document.tenants);
}

TEST_CASE("defaults of the reference are those of the document", "[config]") {
  const Document written = load_good(
      kStart + written_defaults(kProcessTimeouts) + written_defaults(kMaxSchema) +
      written_defaults(kHttp2Schema) + written_defaults(kResolverSchema) + written_defaults(kLogSchema) +
      written_defaults(kAdminSchema) + "workers: auto\ntenants: { unknown: 404 }\n");
  const Document bare = load_good(kStart);
  CHECK(written.timeouts.header == kDefaultTimeouts.header);
  CHECK(written.timeouts.idle == kDefaultTimeouts.idle);
  CHECK(written.timeouts.body == kDefaultTimeouts.body);
  CHECK(written.timeouts.drain == kDefaultTimeouts.drain);
  CHECK(written.timeouts.connect == kDefaultTimeouts.connect);
  CHECK(written.timeouts.first_byte == kDefaultTimeouts.first_byte);
  CHECK(written.timeouts.upstream_idle == kDefaultTimeouts.upstream_idle);
  CHECK(written.max.head == bare.max.head);
  CHECK(written.max.fields == bare.max.fields);
  CHECK(written.max.body == bare.max.body);
  CHECK(written.max.connections == bare.max.connections);
  CHECK(written.max.connections_per_ip == bare.max.connections_per_ip);
  CHECK(written.max.connections_per_ip_v6_prefix == bare.max.connections_per_ip_v6_prefix);
  CHECK(written.max.handshakes_per_ip == bare.max.handshakes_per_ip);
  CHECK(written.max.limit_keys == bare.max.limit_keys);
  CHECK(written.max.http2_windows == bare.max.http2_windows);
  CHECK(written.http2.streams == bare.http2.streams);
  CHECK(written.http2.resets == bare.http2.resets);
  CHECK(written.http2.control_frames == bare.http2.control_frames);
  CHECK(written.http2.continuations == bare.http2.continuations);
  CHECK(written.resolver.min_ttl == bare.resolver.min_ttl);
  CHECK(written.resolver.max_ttl == bare.resolver.max_ttl);
  CHECK(written.log.level == bare.log.level);
  CHECK(written.log.access == bare.log.access);
  CHECK(written.log.format == bare.log.format);
  CHECK(written.log.query == bare.log.query);
  CHECK(written.admin == bare.admin);
  CHECK(written.workers == bare.workers);
  CHECK(written.tenants->unknown == Tenants{}.unknown);
}

TEST_CASE("every key reaches its member", "[config]") {
  Diagnostics out;
  const std::string file = SLUICE_SOURCE_DIR "/tests/golden/config/everything.yaml";
  const Document document = load(file, out);
  REQUIRE(out.render(document.files).empty());
  CHECK(document.workers == 4);
  CHECK(document.log.level == LogLevel::debug);
  CHECK(document.log.access == "/var/log/sluice/access.log");
  CHECK(document.log.format == LogFormat::combined);
  CHECK(document.log.query);
  CHECK(document.admin.value == "unix:/run/sluice/admin.sock");
  CHECK(document.timeouts.header == 5s);
  CHECK(document.timeouts.idle == 1min);
  CHECK(document.timeouts.body == 20s);
  CHECK(document.timeouts.drain == 0s);
  CHECK(document.timeouts.connect == 1500ms);
  CHECK(document.timeouts.first_byte == 2min);
  CHECK(document.timeouts.upstream_idle == 1h);
  CHECK(document.max.head == 64 * 1024);
  CHECK(document.max.fields == 200);
  CHECK(document.max.body == 1536ULL * 1024 * 1024);
  CHECK(document.max.connections == 10'000);
  CHECK(document.max.connections_per_ip == 100);
  CHECK(document.max.connections_per_ip_v6_prefix == 56);
  CHECK(document.max.handshakes_per_ip == Rate{20, 1s});
  CHECK(document.max.limit_keys == 5000);
  CHECK(document.max.http2_windows == 64ULL * 1024 * 1024);
  CHECK(document.http2.streams == 250);
  CHECK(document.http2.resets == Rate{20, 1s});
  CHECK(document.http2.control_frames == Rate{36'000, 1h});
  CHECK(document.http2.continuations == 8);
  std::vector<std::string> name_servers;
  for (const auto& server : document.resolver.servers)
    name_servers.push_back(server.value);
  CHECK(name_servers == std::vector<std::string>{"192.0.2.53:53", "192.0.2.54:5353", "[2001:db8::53]:53",
                                                 "[2001:db8::54]:5353"});
  CHECK(document.resolver.timeout == 500ms);
  CHECK(document.resolver.tries == 3U);
  CHECK(document.resolver.min_ttl == 5s);
  CHECK(document.resolver.max_ttl == 1min);
  CHECK(document.pass_headers.size() == 2);
  CHECK(document.pass_headers[0].value == "X-HTTP-Method-Override");
  CHECK(document.cdn_loop == "edge-1.example.com:443");
  CHECK(document.trusted_proxies.size() == 4);
  CHECK(document.trusted_proxies[0].value == "127.0.0.0/8");
  REQUIRE(document.state);
  CHECK(document.state->value == SLUICE_SOURCE_DIR "/tests/golden/config/state");
}

TEST_CASE("listeners and certificates are read whole", "[config]") {
  Diagnostics out;
  const Document document = load(SLUICE_SOURCE_DIR "/tests/golden/config/everything.yaml", out);
  REQUIRE(document.listeners.size() == 6);
  CHECK(document.listeners[0].redirect_https);
  CHECK(document.listeners[1].tls);
  REQUIRE(document.listeners[1].timeouts);
  CHECK(document.listeners[1].timeouts->header == 3s);
  CHECK(document.listeners[1].timeouts->drain == 1min);
  CHECK_FALSE(document.listeners[1].timeouts->connect);
  CHECK(document.listeners[1].h2);
  CHECK_FALSE(document.listeners[1].http1);
  CHECK(document.listeners[1].sni_mismatch == SniMismatch::allow);
  CHECK(document.listeners[1].max.head == 8 * 1024);
  CHECK(document.listeners[1].max.fields == 50);
  CHECK(document.listeners[1].max.body == 0);
  CHECK_FALSE(document.listeners[0].max.body);
  CHECK(document.listeners[2].address.value == "unix:/run/sluice/http.sock");
  CHECK(document.listeners[5].h2c);
  CHECK_FALSE(document.listeners[5].http1);
  REQUIRE(document.tls);
  REQUIRE(document.tls->certificates.size() == 1);
  const std::filesystem::path expected =
      std::filesystem::path(SLUICE_SOURCE_DIR "/tests/golden/config/a.pem");
  CHECK(document.tls->certificates[0].cert.value == expected.lexically_normal());
  CHECK(document.tls->certificates[0].key.value == "/etc/ssl/a.key");
}

TEST_CASE("protocols are what is written, or what suits the listener", "[config]") {
  const auto spoken = [](const std::string& keys) {
    const Document document = load_good("version: 1\nlisteners: { a: { address: \":1\", " + keys +
                                        " } }\npools: { app: { servers: [\"127.0.0.1:3001\"] } }\n");
    const Listener& listener = document.listeners[0];
    return std::string(listener.h2 ? "h2 " : "") + (listener.http1 ? "http/1.1 " : "") +
           (listener.h2c ? "h2c " : "");
  };
  CHECK(spoken("tls: false") == "http/1.1 ");
  CHECK(spoken("tls: true") == "h2 http/1.1 ");
  CHECK(spoken("tls: true, protocols: [http/1.1, h2]") == "h2 http/1.1 ");
  CHECK(spoken("protocols: [h2], tls: true") == "h2 ");
  CHECK(spoken("protocols: [http/1.1], tls: true") == "http/1.1 ");
  CHECK(spoken("protocols: [http/1.1]") == "http/1.1 ");
  CHECK(spoken("protocols: [h2c]") == "h2c ");
  CHECK(load_good(kStart).listeners[0].http1);
  CHECK_FALSE(load_good(kStart).listeners[0].h2);
}

TEST_CASE("how a pool's servers are spoken to", "[config]") {
  const auto pool = [](const std::string& keys) {
    return load_good("version: 1\nlisteners: { a: \":1\" }\npools: { p: { servers: [\"127.0.0.1:1\"]" + keys +
                     " } }\n")
        .pools[0];
  };
  CHECK_FALSE(pool("").h2);
  CHECK_FALSE(pool("").tls);
  CHECK_FALSE(pool(", tls: false").tls);
  CHECK_FALSE(pool(", protocol: http/1.1").h2);
  CHECK(pool(", protocol: h2").h2);
  for (const char* keys : {", tls: true", ", tls: {}"}) {
    const auto tls = pool(keys).tls;
    REQUIRE(tls);
    CHECK(tls->verify);
    CHECK_FALSE(tls->ca);
    CHECK(tls->server_name.empty());
  }
  const auto tls = pool(", tls: { verify: false, ca: ../ca.pem, server_name: \"Bücher.Example.\" }").tls;
  REQUIRE(tls);
  CHECK_FALSE(tls->verify);
  REQUIRE(tls->ca);
  CHECK(tls->ca->value == "/etc/ca.pem");
  CHECK(tls->ca->at.line == 3);
  CHECK(tls->server_name == "xn--bcher-kva.example");
}

TEST_CASE("pools, routes and tenants are read whole", "[config]") {
  Diagnostics out;
  const Document document = load(SLUICE_SOURCE_DIR "/tests/golden/config/everything.yaml", out);
  const Pool& pool = document.pools.at(0);
  REQUIRE(pool.servers.size() == 4);
  CHECK(pool.servers[1].address.value == "app.internal:3002");
  CHECK(pool.servers[1].weight == 1000);
  CHECK(pool.timeouts.upstream_idle == 2s);
  const Pool& inner = document.pools.at(1);
  CHECK(inner.h2);
  REQUIRE(inner.tls);
  CHECK_FALSE(inner.tls->verify);
  CHECK(inner.tls->ca->value == SLUICE_SOURCE_DIR "/tests/golden/config/ca.pem");
  CHECK(inner.tls->server_name == "inner.example");
  REQUIRE(document.routes.size() == 2);
  CHECK(document.routes[0].hosts[2].value == "xn--bcher-kva.example");
  CHECK_FALSE(document.routes[0].path);
  CHECK(document.routes[1].path->value == "/caf%C3%A9/");
  CHECK(document.routes[1].methods[1].value == "PROPFIND");
  CHECK(document.routes[1].timeouts.first_byte == 90s);
  REQUIRE(document.tenants);
  const Tenants& tenants = *document.tenants;
  CHECK(tenants.from_host->value == "{tenant}.example.com");
  CHECK(tenants.unknown == 421);
  CHECK(tenants.defaults.send_header->value == "X-Tenant");
  REQUIRE(tenants.items.size() == 3);
  CHECK(tenants.items[0].name == "acme");
  CHECK(tenants.items[2].hosts[0].value == "www.initech.test");
  CHECK(tenants.items[2].routes[0].pool.value == "app");
  CHECK(tenants.items[2].routes[0].pool.at.line == tenants.items[2].at.line);
}

TEST_CASE("relative paths start from the file's directory", "[config]") {
  const std::string tls =
      "tls: { certificates: [{ cert: ../certs/a.pem, key: a.key }] }\nlog: { access: log/a }\n";
  const Document document = load_good(kStart + tls, "/etc/sluice");
  CHECK(document.tls->certificates[0].cert.value == "/etc/certs/a.pem");
  CHECK(document.tls->certificates[0].key.value == "/etc/sluice/a.key");
  CHECK(document.log.access == "/etc/sluice/log/a");
  const Document here = load_good(kStart + tls, "");
  CHECK(here.tls->certificates[0].key.value == (std::filesystem::current_path() / "a.key").string());
}

TEST_CASE("variables are replaced once", "[config]") {
  ::setenv("SLUICE_TEST_VALUE", "x${SLUICE_TEST_VALUE}$", 1);
  const Document document = load_good(
      kStart + "routes:\n  - { pool: \"${SLUICE_TEST_VALUE}${SLUICE_TEST_VALUE}-$${HOME}-$$-$\" }\n");
  CHECK(document.routes[0].pool.value == "x${SLUICE_TEST_VALUE}$x${SLUICE_TEST_VALUE}$-${HOME}-$$-$");
}

TEST_CASE("variables must hold text", "[config]") {
  ::setenv("SLUICE_TEST_BYTES", "a\xff", 1);
  Diagnostics out;
  const Document document =
      load_text(kStart + "routes: [{ pool: \"${SLUICE_TEST_BYTES}\" }]\n", "t", "", out);
  CHECK(out.render(document.files) ==
        "t:4:18: routes[0].pool: environment variable SLUICE_TEST_BYTES is not UTF-8\n");
}

TEST_CASE("a faulty file still yields what was good in it", "[config]") {
  Diagnostics out;
  const Document document = load_text(
      "version: 1\nlisteners: { a: \":80\", b: nonsense }\npools: { app: { servers: [] } }\nroutes: 1\n", "t",
      "", out);
  CHECK(out.items().size() == 3);
  CHECK(document.listeners.size() == 2);
  CHECK(document.listeners[0].address.value == ":80");
  CHECK(document.pools.size() == 1);
}
