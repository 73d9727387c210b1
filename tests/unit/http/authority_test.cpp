#include "sluice/http/authority.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::http;

namespace {

// "host port", or "refused".
std::string parsed(std::string_view text) {
  Arena arena;
  Authority authority;
  if (parse_authority(text, arena, authority) != Rule::none) return "refused";
  return std::string(authority.host) + " " + std::to_string(authority.port);
}

std::string label(std::size_t size) { return std::string(size, 'a'); }

}  // namespace

TEST_CASE("host names are normalised", "[http][authority]") {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"example.com", "example.com 0"},
      {"EXAMPLE.Com", "example.com 0"},
      {"example.com.", "example.com 0"},
      {"example.com:80", "example.com 80"},
      {"example.com.:443", "example.com 443"},
      {"example.com:1", "example.com 1"},
      {"example.com:65535", "example.com 65535"},
      {"localhost", "localhost 0"},
      {"a", "a 0"},
      {"a-b.c--d", "a-b.c--d 0"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example 0"},
      {"_dmarc.example.com", "_dmarc.example.com 0"},
      {"my_app", "my_app 0"},
      {"1and1.com", "1and1.com 0"},
      {"1.2.3.4", "1.2.3.4 0"},
      {"1.2.3.4:8080", "1.2.3.4 8080"},
      {"1.2.3.example", "1.2.3.example 0"},
      {"4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa 0"},
      {"0xcafe.example", "0xcafe.example 0"},
      {"a.0xg", "a.0xg 0"},
      {"[::1]", "[::1] 0"},
      {"[::1]:8080", "[::1] 8080"},
      {"[2001:DB8::A]", "[2001:db8::a] 0"},
      {"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4] 80"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(parsed(c.text) == c.expected);
  }
}

TEST_CASE("normalising twice is normalising once", "[http][authority]") {
  for (const char* text : {"EXAMPLE.com.", "[2001:DB8::A]:1", "1.2.3.4", "A_b-C"}) {
    Arena arena;
    Authority once;
    REQUIRE(parse_authority(text, arena, once) == Rule::none);
    Authority twice;
    REQUIRE(parse_authority(once.host, arena, twice) == Rule::none);
    CHECK(once.host == twice.host);
  }
}

TEST_CASE("what could be read as another host is refused", "[http][authority]") {
  const std::string cases[] = {
      "",
      ".",
      "..",
      "a..b",
      ".a",
      "a..",
      "-a",
      "a-",
      "a-.b",
      "a.-b",
      "a.b-",
      "-",
      // A second host hidden in the first.
      "a b",
      "a,b",
      "a, b",
      "a/b",
      "a?b",
      "a#b",
      "a\\b",
      "a@b",
      "user@a",
      "user:pw@a",
      "a;b",
      "a|b",
      "a&b",
      "a=b",
      "a%62",
      "%61",
      "a%00",
      "a%2eb",
      "a'b",
      "a\"b",
      "(a)",
      "{a}",
      "<a>",
      "a*",
      "*",
      "*.a.com",
      "a+b",
      "a~b",
      "a!",
      "a\tb",
      " a",
      "a ",
      "a\r",
      "a\n",
      "a\0b"s,
      "a\0"s,
      "a\x7f",
      "a\x80",
      "a\xff",
      "b\xc3\xbc"
      "cher.example",
      "a\xe3\x80\x82"
      "b",
      "http://a",
      "a://b",
      // Ports.
      "a:",
      "a:0",
      "a:00",
      "a:65536",
      "a:99999",
      "a:100000",
      "a:000080",
      "a:-1",
      "a:+1",
      "a: 80",
      "a:80 ",
      "a:8o",
      "a:80:80",
      "a:80,b",
      "a:80/",
      "a:0x50",
      ":80",
      ":",
      "a::80",
      // Numbers that some resolvers take for addresses.
      "1",
      "127.1",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.04",
      "0x7f.0.0.1",
      "0x7f000001",
      "2130706433",
      "017700000001",
      "a.1",
      "a.0x1",
      "a.0x",
      "a.00",
      "1.2.3.4..",
      "1.2.3.0x4",
      // Brackets.
      "[",
      "]",
      "[]",
      "[]:80",
      "[::1",
      "::1",
      "::1]",
      "[[::1]]",
      "[::1]]",
      "[::1]a",
      "[::1]:",
      "[::1]:0",
      "[::1]:a",
      "[::1]:65536",
      "[::1] ",
      "[ ::1]",
      "[1.2.3.4]",
      "[a]",
      "[a.com]",
      "[::g]",
      "[1::2::3]",
      "[::1%eth0]",
      "[::1%25eth0]",
      "[v1.x]",
      "[::1].",
      "a[::1]",
      "2001:db8::1",
      "[::1][::2]",
  };
  for (const std::string& text : cases) {
    CAPTURE(text);
    CHECK(parsed(text) == "refused");
  }
}

TEST_CASE("a NUL inside brackets does not end the address", "[http][authority]") {
  CHECK(parsed("[::1\0]"s) == "refused");
  CHECK(parsed("[::1\0x]:80"s) == "refused");
}

TEST_CASE("labels and names have their DNS limits", "[http][authority]") {
  CHECK(parsed(label(63)) == label(63) + " 0");
  CHECK(parsed(label(64)) == "refused");
  CHECK(parsed(label(63) + ".b") == label(63) + ".b 0");
  CHECK(parsed("b." + label(64)) == "refused");
  const std::string longest = label(63) + "." + label(63) + "." + label(63) + "." + label(61);
  REQUIRE(longest.size() == 253);
  CHECK(parsed(longest) == longest + " 0");
  CHECK(parsed(longest + ".") == longest + " 0");
  CHECK(parsed(longest + "a") == "refused");
  CHECK(parsed(std::string(100'000, 'a')) == "refused");
}
