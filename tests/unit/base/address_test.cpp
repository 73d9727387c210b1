#include "sluice/base/address.hpp"

#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace std::literals;
using sluice::AddressSet;
using sluice::IpAddress;
using sluice::SocketAddress;
using sluice::split_host_port;

namespace {

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("socket addresses are read and written in one form", "[base][address]") {
  const struct {
    const char* text;
    int family;
    std::uint16_t port;
    const char* ip;
    const char* written;
  } cases[] = {
      {"127.0.0.1:80", AF_INET, 80, "127.0.0.1", "127.0.0.1:80"},
      {"0.0.0.0:0", AF_INET, 0, "0.0.0.0", "0.0.0.0:0"},
      {"255.255.255.255:65535", AF_INET, 65535, "255.255.255.255", "255.255.255.255:65535"},
      {"[::1]:8080", AF_INET6, 8080, "::1", "[::1]:8080"},
      {"[2001:DB8:0:0:0:0:0:1]:443", AF_INET6, 443, "2001:db8::1", "[2001:db8::1]:443"},
      {":8080", AF_INET6, 8080, "::", "[::]:8080"},
      // What a dual-stack listener sees of an IPv4 client.
      {"[::ffff:192.0.2.1]:9", AF_INET6, 9, "192.0.2.1", "192.0.2.1:9"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    const auto address = SocketAddress::parse(c.text);
    REQUIRE(address);
    CHECK(address->family() == c.family);
    CHECK(address->port() == c.port);
    CHECK(address->ip_text() == c.ip);
    CHECK(address->text() == c.written);
    CHECK_FALSE(address->is_unix());
    const auto again = SocketAddress::parse(address->text());
    REQUIRE(again);
    CHECK(again->text() == address->text());
  }
}

TEST_CASE("unix socket addresses", "[base][address]") {
  const auto address = SocketAddress::parse("unix:/run/app.sock");
  REQUIRE(address);
  CHECK(address->is_unix());
  CHECK(address->port() == 0);
  CHECK(address->ip_text() == "unix");
  CHECK(address->text() == "unix:/run/app.sock");
  CHECK(SocketAddress::parse("unix:/" + std::string(106, 'x')));
  CHECK_FALSE(SocketAddress::parse("unix:/" + std::string(107, 'x')));
  CHECK_FALSE(SocketAddress::parse("unix:"));
}

TEST_CASE("what is no numeric address is refused", "[base][address]") {
  for (const char* text : {"",
                           ":",
                           "80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1:+1",
                           "127.0.0.1: 80",
                           "127.0.0.1:80 ",
                           " 127.0.0.1:80",
                           "127.0.0.1:0x50",
                           "localhost:80",
                           "127.1:80",
                           "127.0.0.01:80",
                           "0x7f.0.0.1:80",
                           "1.2.3.4.5:80",
                           "256.0.0.1:80",
                           "::1:80",
                           "::1",
                           "[::1]",
                           "[::1]80",
                           "[::1:80",
                           "::1]:80",
                           "[::1]]:80",
                           "[::g]:80",
                           "[:::1]:80",
                           "[::1%lo]:80",
                           "1.2.3.4:80:90"}) {
    CAPTURE(text);
    CHECK_FALSE(SocketAddress::parse(text));
  }
}

TEST_CASE("an address compares by what it names", "[base][address]") {
  const auto at = [](const char* text) { return SocketAddress::parse(text).value(); };
  CHECK(at("127.0.0.1:80") == at("127.0.0.1:80"));
  CHECK(at("[::1]:80") == at("[0:0::1]:80"));
  CHECK_FALSE(at("127.0.0.1:80") == at("127.0.0.1:81"));
  CHECK_FALSE(at("127.0.0.1:80") == at("127.0.0.2:80"));
  CHECK_FALSE(at("127.0.0.1:80") == at("[::1]:80"));
  CHECK_FALSE(at("unix:/a") == at("unix:/b"));
  CHECK_FALSE(at("unix:/a") == at("unix:/ab"));
}

TEST_CASE("the local address of a socket is what it was bound to", "[base][address]") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(fd >= 0);
  const auto wanted = SocketAddress::parse("127.0.0.1:0");
  REQUIRE(::bind(fd, wanted->raw(), wanted->length()) == 0);
  const SocketAddress local = SocketAddress::local_of(fd);
  ::close(fd);
  CHECK(local.ip_text() == "127.0.0.1");
  CHECK(local.port() != 0);
}

TEST_CASE("host and port are taken apart", "[base][address]") {
  const auto parts = [](const char* text) {
    const auto got = split_host_port(text);
    REQUIRE(got);
    return got->host + "|" + std::to_string(got->port);
  };
  CHECK(parts("app.internal:3000") == "app.internal|3000");
  CHECK(parts("[::1]:3000") == "::1|3000");
  CHECK(parts(":3000") == "|3000");
  for (const char* text : {"", "app", "app:", "app:x", "app:99999", "a:b:1", "[::1:1", "[:1"}) {
    CAPTURE(text);
    CHECK_FALSE(split_host_port(text));
  }
}

TEST_CASE("IPv4 and mapped IPv6 are one address", "[base][address]") {
  CHECK(ip("192.0.2.1") == ip("::ffff:192.0.2.1"));
  CHECK_FALSE(ip("192.0.2.1") == ip("::192.0.2.1"));
  CHECK(IpAddress::of(*SocketAddress::parse("192.0.2.1:80")) == ip("192.0.2.1"));
  CHECK(IpAddress::of(*SocketAddress::parse("[::ffff:192.0.2.1]:80")) == ip("192.0.2.1"));
  CHECK(IpAddress::of(*SocketAddress::parse("[2001:db8::1]:80")) == ip("2001:db8::1"));
  CHECK_FALSE(IpAddress::of(*SocketAddress::parse("unix:/x")));
}

TEST_CASE("what is no IP address is refused", "[base][address]") {
  for (const std::string text :
       {"",         "1",        "1.2.3",      "1.2.3.4.",          ".1.2.3.4", "01.2.3.4", "1.2.3.256",
        "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/32", "0x1.2.3.4",         "[::1]",    "::1%1",    ":",
        ":::",      "1::2::3",  "12345::",    "1:2:3:4:5:6:7:8:9", "unknown",  "_hidden"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text));
  }
}

TEST_CASE("an address does not end at a NUL in the middle of its text", "[base][address]") {
  // inet_pton() takes C strings: what stands behind the NUL must not be passed over.
  CHECK_FALSE(IpAddress::parse("1.2.3.4\0x"sv));
  CHECK_FALSE(IpAddress::parse("::1\0"sv));
  CHECK_FALSE(SocketAddress::parse("127.0.0.1\0evil:80"sv));
  CHECK_FALSE(AddressSet().add("10.0.0.0\0/8"sv));
}

TEST_CASE("address blocks hold what is inside and nothing else", "[base][address]") {
  const struct {
    const char* block;
    const char* inside;
    const char* outside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
      {"10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
      {"192.0.2.4/30", "192.0.2.7", "192.0.2.8"},
      {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
      {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
      {"10.0.0.0/9", "10.127.0.1", "10.128.0.1"},
      {"0.0.0.0/0", "255.1.2.3", "2001:db8::1"},
      {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
      {"::1", "::1", "::2"},
      {"fe80::/10", "febf::1", "fec0::1"},
      {"10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.block);
    AddressSet set;
    REQUIRE(set.add(c.block));
    CHECK_FALSE(set.empty());
    CHECK(set.contains(ip(c.inside)));
    CHECK_FALSE(set.contains(ip(c.outside)));
  }
}

TEST_CASE("several blocks are a union, none is nothing", "[base][address]") {
  AddressSet set;
  CHECK(set.empty());
  CHECK_FALSE(set.contains(ip("10.0.0.1")));
  REQUIRE(set.add("10.0.0.0/8"));
  REQUIRE(set.add("2001:db8::/32"));
  CHECK(set.contains(ip("10.0.0.1")));
  CHECK(set.contains(ip("2001:db8::1")));
  CHECK_FALSE(set.contains(ip("192.0.2.1")));
}

TEST_CASE("what is no block is refused and changes nothing", "[base][address]") {
  AddressSet set;
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8",
                           "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.1/8", "10.128.0.0/8", "2001:db8::1/32",
                           "::/129", "example.com/8", "10.0/8", "10.0.0.0/255.0.0.0"}) {
    CAPTURE(text);
    CHECK_FALSE(set.add(text));
  }
  CHECK(set.empty());
}

TEST_CASE("a block is told as it is read, and knows what it has in common with another", "[base]") {
  using sluice::AddressBlock;
  for (const char* text : {"10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1"})
    CHECK(AddressBlock::parse(text).value().text() == text);
  CHECK(AddressBlock::parse("::ffff:192.0.2.0/120").value().text() == "192.0.2.0/24");
  for (const char* text : {"", "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "a.test", "10.0.0.0/-1"})
    CHECK_FALSE(AddressBlock::parse(text));
  const auto overlap = [](const char* a, const char* b) {
    return AddressBlock::parse(a)->overlaps(*AddressBlock::parse(b));
  };
  CHECK((overlap("10.0.0.0/8", "10.1.2.3") && overlap("10.1.2.3", "10.0.0.0/8") &&
         overlap("::/0", "2001:db8::/32")));
  CHECK_FALSE((overlap("10.0.0.0/8", "11.0.0.0/8") || overlap("0.0.0.0/0", "2001:db8::1")));
  CHECK_FALSE(
      (overlap("::/0", "10.0.0.0/8") || overlap("10.0.0.0/8", "::/0") || overlap("::/64", "10.0.0.1")));
}
