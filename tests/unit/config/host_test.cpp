#include "sluice/config/load.hpp"

#include "config/names.hpp"

#include <catch2/catch.hpp>

using namespace sluice::config;

TEST_CASE("hosts come out as they are compared", "[config]") {
  CHECK(canonical_host("Example.COM") == "example.com");
  CHECK(canonical_host("example.com.") == "example.com");
  CHECK(canonical_host("localhost") == "localhost");
  CHECK(canonical_host("a_b.example") == "a_b.example");
  CHECK(canonical_host("*.Example.com") == "*.example.com");
  CHECK(canonical_host("192.0.2.1") == "192.0.2.1");
  CHECK(canonical_host("[2001:DB8:0::1]") == "[2001:db8::1]");
  CHECK(canonical_host(std::string(63, 'a') + ".example") == std::string(63, 'a') + ".example");
}

TEST_CASE("hosts beyond ASCII become A-labels, IDNA 2008 without transition", "[config]") {
  CHECK(canonical_host("bücher.example") == "xn--bcher-kva.example");
  CHECK(canonical_host("BÜCHER.example") == "xn--bcher-kva.example");
  CHECK(canonical_host("straße.example") == "xn--strae-oqa.example");
  CHECK(canonical_host("*.bücher.example") == "*.xn--bcher-kva.example");
  CHECK(canonical_host("bücher。example") == "xn--bcher-kva.example");
  CHECK(canonical_host("b\xC3.example").empty());
  CHECK(canonical_host("\xE2\x80\x8B.example").empty());
  std::string long_name;
  for (int i = 0; i < 2000; ++i)
    long_name += "ü";
  CHECK(canonical_host(long_name).empty());
}

TEST_CASE("what cannot be a host is empty", "[config]") {
  const std::string label63(63, 'a');
  const std::string name253 = label63 + '.' + label63 + '.' + label63 + '.' + std::string(61, 'a');
  CHECK(canonical_host(name253) == name253);
  CHECK(canonical_host(name253 + 'a').empty());
  CHECK(canonical_host(std::string(64, 'a')).empty());
  for (const char* text :
       {"",      ".",           "..",      ".a",          "a..b",      "a..",       "-a",       "a-",
        "a-.b",  "a b",         "a:80",    "a/b",         "*",         "*.",        "*a.b",     "a.*.b",
        "*.*.b", "*.192.0.2.1", "*.[::1]", "1.2.3",       "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "a.1",
        "[::1",  "[]",          "[::g]",   "[127.0.0.1]", "[::1]x",    "a%20b",     "user@host"}) {
    CAPTURE(text);
    CHECK(canonical_host(text).empty());
  }
  CHECK(canonical_host(std::string_view("a\0b", 3)).empty());
  CHECK(canonical_host(std::string_view("ü\0b", 4)).empty());
}

TEST_CASE("canonical hosts are their own canonical form", "[config]") {
  for (const char* text :
       {"Example.COM.", "bücher.example", "[2001:DB8::0:1]", "*.Example.org", "192.0.2.1"}) {
    const std::string once = canonical_host(text);
    CHECK_FALSE(once.empty());
    CHECK(canonical_host(once) == once);
  }
}

TEST_CASE("the nearest word is suggested, and only when it is near", "[config]") {
  const std::vector<std::string_view> known{"listeners", "pools", "tls", "timeouts"};
  CHECK(nearest("lsiteners", known) == "listeners");
  CHECK(nearest("listener", known) == "listeners");
  CHECK(nearest("TLS", known) == "tls");
  CHECK(nearest("tsl", known) == "tls");
  CHECK(nearest("polls", known) == "pools");
  CHECK(nearest("time-outs", known) == "timeouts");
  CHECK(nearest("pl", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(nearest("servers", known).empty());
  CHECK(nearest(std::string(10'000, 'l'), known).empty());
  CHECK(nearest("aab", {"aax", "aay"}) == "aax");
  CHECK(nearest("ap", {"web", "app"}) == "app");
  CHECK(nearest("backend", {"backend-eu", "other"}) == "backend-eu");
  CHECK(nearest("backend", {"backend-eu", "backend-us"}).empty());  // either may be meant
  CHECK(nearest("a", {"b", "c"}).empty());
}

TEST_CASE("tenant names are labels of lower case", "[config]") {
  CHECK(is_tenant_name("acme-2"));
  CHECK(is_tenant_name(std::string(63, 'a')));
  CHECK_FALSE(is_tenant_name(std::string(64, 'a')));
  for (const char* text : {"", "Acme", "a_b", "a.b", "ä", "a b"})
    CHECK_FALSE(is_tenant_name(text));
}

TEST_CASE("the tenant is the whole first label", "[config]") {
  CHECK(parse_tenant_pattern("{tenant}.Example.com.").value == "{tenant}.example.com");
  CHECK(parse_tenant_pattern("{tenant}.localhost").value == "{tenant}.localhost");
  CHECK(parse_tenant_pattern("{tenant}.bücher.example").value == "{tenant}.xn--bcher-kva.example");
  for (const char* text : {"{tenant}", "{tenant}.", "x{tenant}.a", "{tenant}x.a", "a.{tenant}.b",
                           "example.com", "{tenant}.*.a", "{tenant}.{tenant}.a", "{tenant}.127.0.0.1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_tenant_pattern(text));
  }
}

TEST_CASE("fields that frame or route a message are not for tenants", "[config]") {
  CHECK(parse_request_field("X-Tenant").value == "X-Tenant");
  for (const char* text : {"Host", "content-length", "TRANSFER-ENCODING", "Connection", "Keep-Alive",
                           "Upgrade", "TE", "Trailer", "Forwarded", "X-Forwarded-For", "X-Forwarded-Anything",
                           "X-Request-ID", "Via", "a b", "a:", "", "ä"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_request_field(text));
  }
}
