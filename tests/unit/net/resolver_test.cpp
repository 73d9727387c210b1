#include "sluice/net/resolver.hpp"

#include <string>
#include <utility>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::net;

namespace {

void check(const std::string& text, std::uint32_t timeout, std::uint32_t attempts) {
  CAPTURE(text);
  const ResolverOptions found = resolver_options(text);
  CHECK(found.timeout == timeout);
  CHECK(found.attempts == attempts);
}

}  // namespace

TEST_CASE("resolv.conf says how long and how often", "[net][resolver]") {
  check("", 0, 0);
  check("nameserver 10.0.0.1\noptions ndots:2 timeout:3 attempts:4 rotate\n", 3, 4);
  check("options timeout:1\noptions timeout:7", 7, 0);
  check("\toptions\ttimeout:1", 1, 0);
}

TEST_CASE("what resolv.conf says is bounded, and what is no number is not heard", "[net][resolver]") {
  check("options timeout:4000000000 attempts:99\n", 30, 10);
  check("options timeout:99999999999999999999 attempts:-1\n", 0, 0);
  check("options timeout: attempts:x\n#options timeout:5\n; options timeout:5\nsearch timeout:5", 0, 0);
}

TEST_CASE("look-ups under way end with their resolver", "[net][resolver]") {
  Loop loop;
  bool answered = false;
  {
    ResolverSettings settings;
    settings.servers = {SocketAddress::parse("127.0.0.1:9").value()};
    Resolver resolver(loop, settings);
    resolver.look_up("a.test", [&](NameAnswer /*answer*/) { answered = true; });
  }
  CHECK_FALSE(answered);
}

TEST_CASE("what the system knows itself is there at once", "[net][resolver]") {
  Loop loop;
  NameAnswer got;
  Resolver resolver(loop, {});
  resolver.look_up("localhost", [&](NameAnswer answer) { got = std::move(answer); });
  REQUIRE_FALSE(got.addresses.empty());
  CHECK(got.addresses[0].ip_text() == "127.0.0.1");
  CHECK(got.local);
}
