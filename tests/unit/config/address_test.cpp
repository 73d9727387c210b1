#include "config/address.hpp"

#include <catch2/catch.hpp>

using namespace sluice::config;

TEST_CASE("addresses come out in one form", "[config]") {
  CHECK(parse_address("127.0.0.1:8080", Role::listener).value == "127.0.0.1:8080");
  CHECK(parse_address("127.0.0.1:08080", Role::listener).value == "127.0.0.1:8080");
  CHECK(parse_address(":0", Role::listener).value == ":0");
  CHECK(parse_address("[0:0::1]:80", Role::listener).value == "[::1]:80");
  CHECK(parse_address("unix:/run/s.sock", Role::listener).value == "unix:/run/s.sock");
  CHECK(parse_address("App.Internal.:3001", Role::server).value == "app.internal:3001");
  CHECK(parse_address("bücher.example:1", Role::server).value == "xn--bcher-kva.example:1");
  CHECK(parse_address("[::1]:9900", Role::admin).value == "[::1]:9900");
  CHECK(parse_address("127.1.2.3:0", Role::admin).value == "127.1.2.3:0");
}

TEST_CASE("listeners need an IP address", "[config]") {
  for (const char* text : {"",
                           ":",
                           "8080",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1:000080",
                           "localhost:80",
                           "a.example:80",
                           "*:80",
                           "::1:80",
                           "[::1]",
                           "[::1]80",
                           "[::1:80",
                           "[127.0.0.1]:80",
                           "1.2.3:80",
                           "256.1.1.1:80",
                           "http://127.0.0.1:80",
                           "unix:",
                           "unix:a",
                           "[::1%lo]:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text, Role::listener));
  }
}

TEST_CASE("servers need a host and a port to connect to", "[config]") {
  for (const char* text :
       {":80", "127.0.0.1:0", "a.example", "-a:80", "*.a.example:80", "a b:80", "https://a.example"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text, Role::server));
  }
}

TEST_CASE("the admin API stays on this machine", "[config]") {
  for (const char* text : {":9900", "0.0.0.0:9900", "[::]:9900", "192.0.2.1:9900", "localhost:9900"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text, Role::admin));
  }
}

TEST_CASE("socket paths fit the kernel's structure", "[config]") {
  CHECK(parse_address("unix:/" + std::string(106, 'a'), Role::server));
  CHECK_FALSE(parse_address("unix:/" + std::string(107, 'a'), Role::server));
}

TEST_CASE("blocks have no bits beyond their prefix", "[config]") {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "192.0.2.1/32", "::/0", "2001:db8::/32",
                           "::1", "2001:db8:8000::/33"}) {
    CAPTURE(text);
    CHECK(parse_block(text).error.empty());
  }
  for (const char* text :
       {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "10.0.0.1/8",
        "::/129", "2001:db8:8000::/32", "[::1]", "a.example", "10.0.0.0/0008"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_block(text));
  }
  CHECK(parse_block("10.1.2.3/8").error ==
        "\"10.1.2.3/8\" has address bits beyond its prefix; did you mean \"10.0.0.0/8\"?");
}
