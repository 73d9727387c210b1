#include "sluice/limits/bans.hpp"

#include "limits/strikes.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

Ban by_hand(const std::string& block, const std::string& tenant = "", Nanos until = 100 * kSecond) {
  return {.block = AddressBlock::parse(block).value(), .tenant = tenant, .until = until};
}

Key key_of(const std::string& what) {
  KeyMaker maker("test");
  maker.add(what);
  return maker.key();
}

// Refusals that come to a ban at once.
void ban_by_limit(Bans& bans, const std::string& client, Nanos lasts, const std::string& tenant = "",
                  unsigned bits = 128, Nanos now = 0) {
  bans.strike(key_of(client), {1, kSecond, lasts}, ip(client), bits, tenant, "login", now);
}

}  // namespace

TEST_CASE("a ban holds for its block and for nobody else, until it ends", "[limits][bans]") {
  Bans bans;
  CHECK_FALSE(bans.any());
  REQUIRE(bans.add(by_hand("203.0.113.0/24")));
  REQUIRE(bans.add(by_hand("2001:db8:1::/48")));
  CHECK(bans.any());
  for (const char* client : {"203.0.113.0", "203.0.113.255", "::ffff:203.0.113.7", "2001:db8:1:ffff::1"})
    CHECK(bans.find(ip(client), "", 0));
  for (const char* client : {"203.0.112.255", "203.0.114.0", "2001:db8:2::", "::203.0.113.7"})
    CHECK_FALSE(bans.find(ip(client), "", 0));
  CHECK(bans.find(ip("203.0.113.1"), "", 0)->by_hand);
  CHECK(bans.find(ip("203.0.113.1"), "", 100 * kSecond - 1));
  CHECK_FALSE(bans.find(ip("203.0.113.1"), "", 100 * kSecond));
  bans.sweep(100 * kSecond);
  CHECK_FALSE(bans.any());
  CHECK(bans.refused() == 6);
}

TEST_CASE("a block of one family holds no client of the other", "[limits][bans]") {
  Bans bans;
  for (const char* block : {"::/0", "::/64"}) {
    REQUIRE(bans.add(by_hand(block)));
    CHECK(bans.find(ip("::5"), "", 0));
    CHECK_FALSE(bans.find(ip("203.0.113.1"), "", 0));
    CHECK(bans.lift(AddressBlock::parse(block).value(), "", 0));
  }
  REQUIRE(bans.add(by_hand("0.0.0.0/0")));
  CHECK(bans.find(ip("203.0.113.1"), "", 0));
  CHECK_FALSE(bans.find(ip("::5"), "", 0));
}

TEST_CASE("a ban for one tenant is none for others, nor for all", "[limits][bans]") {
  Bans bans;
  REQUIRE(bans.add(by_hand("203.0.113.7", "acme")));
  CHECK(bans.find(ip("203.0.113.7"), "acme", 0));
  CHECK_FALSE(bans.find(ip("203.0.113.7"), "beta", 0));
  CHECK_FALSE(bans.find(ip("203.0.113.7"), "", 0));
  CHECK_FALSE(bans.lift(AddressBlock::parse("203.0.113.7").value(), "", 0));
  CHECK(bans.lift(AddressBlock::parse("203.0.113.7").value(), "acme", 0));
  CHECK_FALSE(bans.find(ip("203.0.113.7"), "acme", 0));
  CHECK_FALSE(bans.any());
}

TEST_CASE("so many refusals within the window make a ban, and one less never does", "[limits][bans]") {
  for (const std::uint32_t after : {1U, 2U, 10U, 128U, 1000U}) {
    CAPTURE(after);
    // Spread over all of the window, less an instant.
    const Nanos window = 60 * kSecond;
    Strikes strikes;
    for (std::uint32_t i = 0; i + 1 < after; ++i)
      CHECK_FALSE(strikes.add(key_of("a"), after, window, 7 + static_cast<Nanos>(i) * (window / after)));
    CHECK(strikes.add(key_of("a"), after, window, 7 + window - 1));
    // Counting begins anew.
    CHECK(strikes.add(key_of("a"), after, window, 7 + window) == (after == 1));
  }
}

TEST_CASE("refusals that are older than the window do not count", "[limits][bans]") {
  Strikes strikes;
  // Nine in each window, for a long time, wherever the window begins.
  for (Nanos at = 0; at < 1000; ++at)
    CHECK_FALSE(strikes.add(key_of("a"), 10, 9 * kSecond, at * kSecond));
  // Many: half the rate that is too much.
  for (Nanos at = 0; at < 4000; ++at)
    CHECK_FALSE(strikes.add(key_of("b"), 1000, 60 * kSecond, at * (60 * kSecond / 500)));
}

TEST_CASE("any window with so many refusals is found, as by counting them all", "[limits][bans]") {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  for (int round = 0; round < 200; ++round) {
    const std::uint32_t after = 2 + random() % 20;
    const Nanos window = 50;
    Strikes strikes;
    std::vector<Nanos> all;
    Nanos now = 0;
    for (int i = 0; i < 300; ++i) {
      now += static_cast<Nanos>(random() % 9);
      all.push_back(now);
      const auto within = std::count_if(all.begin(), all.end(), [&](Nanos at) { return at > now - window; });
      const bool enough = static_cast<std::uint32_t>(within) >= after;
      REQUIRE(strikes.add(key_of("a"), after, window, now) == enough);
      if (enough) all.clear();
    }
  }
}

TEST_CASE("what is remembered of refusals is bounded", "[limits][bans]") {
  Strikes strikes;
  for (std::size_t i = 0; i < Strikes::kMostKeys + 10; ++i)
    strikes.add(key_of(std::to_string(i)), 10, kSecond, 0);
  CHECK(strikes.size() == Strikes::kMostKeys);
  for (int i = 0; i < 300; ++i)
    strikes.sweep(kSecond);
  CHECK(strikes.size() == 0);
}

TEST_CASE("a limit bans the client's block, for the tenant or for all", "[limits][bans]") {
  Bans bans;
  std::vector<Ban> told;
  bans.on_ban([&](const Ban& ban) { told.push_back(ban); });
  ban_by_limit(bans, "2001:db8::1", 10 * kSecond, "acme", 64);
  const auto found = bans.find(ip("2001:db8::ffff"), "acme", 0);
  REQUIRE(found);
  CHECK_FALSE(found->by_hand);
  CHECK(found->limit == "login");
  CHECK(found->until == 10 * kSecond);
  CHECK_FALSE(bans.find(ip("2001:db8::ffff"), "", 0));
  ban_by_limit(bans, "203.0.113.7", 10 * kSecond);
  CHECK(bans.find(ip("203.0.113.7"), "", 0));
  REQUIRE(told.size() == 2);
  CHECK(told[0].block.text() == "2001:db8::/64");
}

TEST_CASE("a ban by hand stands, whatever a limit says", "[limits][bans]") {
  Bans bans;
  REQUIRE(bans.add(by_hand("203.0.113.7", "", 5 * kSecond)));
  ban_by_limit(bans, "203.0.113.7", 10 * kSecond);
  CHECK(bans.find(ip("203.0.113.7"), "", 0)->by_hand);
  CHECK(bans.size() == 1);
  // One of a block around it as well.
  REQUIRE(bans.add(by_hand("203.0.113.0/24", "", 7 * kSecond)));
  CHECK(bans.find(ip("203.0.113.7"), "", 0)->until == 7 * kSecond);
  CHECK(bans.lift(AddressBlock::parse("203.0.113.7").value(), "", 0));
  ban_by_limit(bans, "203.0.113.7", 100 * kSecond);
  CHECK(bans.find(ip("203.0.113.7"), "", 0)->by_hand);
  CHECK_FALSE(bans.find(ip("203.0.113.7"), "", 8 * kSecond)->by_hand);
}

TEST_CASE("a limit never bans a proxy in front", "[limits][bans]") {
  Bans bans;
  AddressSet proxies;
  REQUIRE(proxies.add("2001:db8::1"));
  REQUIRE(proxies.add("10.0.0.0/8"));
  bans.spare(proxies);
  ban_by_limit(bans, "10.1.2.3", 10 * kSecond);
  CHECK_FALSE(bans.any());
  // A client beside it, whose block is the proxy's as well.
  ban_by_limit(bans, "2001:db8::2", 10 * kSecond, "", 64);
  CHECK(bans.find(ip("2001:db8::2"), "", 0));
  CHECK_FALSE(bans.find(ip("2001:db8::1"), "", 0));
  REQUIRE(bans.add(by_hand("10.1.2.3")));
  CHECK(bans.find(ip("10.1.2.3"), "", 0));
}

TEST_CASE("where there are too many bans, the one by a limit that ends first goes", "[limits][bans]") {
  Bans bans;
  REQUIRE(bans.add(by_hand("203.0.113.7", "", 1)));
  for (std::uint32_t i = 1; i < Bans::kMost; ++i) {
    const std::string client = "10." + std::to_string(i >> 16U) + '.' + std::to_string(i >> 8U & 255U) + '.' +
                               std::to_string(i & 255U);
    ban_by_limit(bans, client, i * kSecond);
  }
  CHECK(bans.size() == Bans::kMost);
  CHECK(bans.find(ip("10.0.0.1"), "", 0));
  ban_by_limit(bans, "192.0.2.1", kSecond);
  CHECK(bans.size() == Bans::kMost);
  CHECK_FALSE(bans.find(ip("10.0.0.1"), "", 0));
  CHECK(bans.find(ip("10.0.0.2"), "", 0));
  CHECK(bans.find(ip("192.0.2.1"), "", 0));
  CHECK(bans.find(ip("203.0.113.7"), "", 0));
  CHECK(bans.list(0).front().by_hand());
  bans.sweep(Nanos{1} << 60U);
  CHECK_FALSE(bans.any());
}

TEST_CASE("bans by hand are bounded too, and a known one may still be changed", "[limits][bans]") {
  Bans bans;
  const auto block = [](std::size_t i) {
    return "10.0." + std::to_string(i >> 8U) + '.' + std::to_string(i & 255U);
  };
  for (std::size_t i = 0; i < Bans::kMostByHand; ++i)
    REQUIRE(bans.add(by_hand(block(i))));
  CHECK_FALSE(bans.add(by_hand("192.0.2.1")));
  CHECK(bans.add(by_hand(block(0), "", 200 * kSecond)));
  CHECK(bans.list(150 * kSecond).size() == 1);
}

TEST_CASE("workers strike and look while an operator bans and lifts", "[limits][bans]") {
  Bans bans;
  std::atomic<bool> over{false};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 3; ++worker) {
    workers.emplace_back([&, worker] {
      for (int i = 0; !over; ++i) {
        const std::string client = "10.0." + std::to_string(worker) + '.' + std::to_string(i % 250);
        ban_by_limit(bans, client, kSecond, "", 128, i);
        bans.find(ip(client), "", i);
        bans.find(ip(client), "acme", i);
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    REQUIRE(bans.add(by_hand("10.0.0.0/16")));
    REQUIRE(bans.find(ip("10.0.9.9"), "", 0));
    REQUIRE(bans.lift(AddressBlock::parse("10.0.0.0/16").value(), "", 0));
    bans.list(0);
    bans.sweep(i);
  }
  over = true;
  for (std::thread& worker : workers)
    worker.join();
  bans.sweep(Nanos{1} << 60U);
  CHECK_FALSE(bans.any());
}
