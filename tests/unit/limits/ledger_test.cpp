#include "sluice/limits/ledger.hpp"

#include "unit/limits/keys.hpp"

#include <cmath>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;
using namespace sluice::limits::testing;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;

const Key kOne = key_of("standard", "one");

Terms per_second(std::uint64_t count, std::uint64_t burst) { return Terms::of(count, kSecond, burst); }

// How many pass at one instant.
std::uint64_t drain(Ledger& ledger, const Key& key, const Terms& terms, Nanos now) {
  std::uint64_t passed = 0;
  while (ledger.take(key, terms, 1, now).passed)
    ++passed;
  return passed;
}

}  // namespace

TEST_CASE("a burst passes at once, whatever the rate is, and not one more", "[limits]") {
  struct Case {
    std::uint64_t count;
    Nanos period;
    std::uint64_t burst;
  };
  const auto [count, period, burst] = GENERATE(
      Case{1, kSecond, 1}, Case{3, kSecond, 3}, Case{7, 60 * kSecond, 7}, Case{7, 60 * kSecond, 1000},
      Case{999'999, kSecond, 100'000}, Case{5, 3600 * kSecond, 5}, Case{1, 24 * 3600 * kSecond, 1000},
      Case{1'000'000'000, kSecond, 5}, Case{3, 7 * kSecond, 100'000}, Case{1, 1'000'000 * kSecond, 4});
  CAPTURE(count, period, burst);
  Ledger ledger;
  const Terms terms = Terms::of(count, period, burst);
  CHECK(drain(ledger, kOne, terms, kStart) == burst);
  const Ledger::Taken refused = ledger.take(kOne, terms, 1, kStart);
  CHECK(std::floor(refused.left) == 0);
  CHECK(refused.wait > 0);
  CHECK_FALSE(ledger.take(kOne, terms, 1, kStart + refused.wait - 1).passed);
  CHECK(ledger.take(kOne, terms, 1, kStart + refused.wait).passed);
}

TEST_CASE("what is left is told in whole tokens, whole ones of it are there", "[limits]") {
  const auto count = GENERATE(as<std::uint64_t>{}, 1, 3, 7, 50, 999, 999'999);
  const auto period = GENERATE(as<Nanos>{}, 1, 60, 3600) * kSecond;
  CAPTURE(count, period);
  Ledger ledger;
  const Terms terms = Terms::of(count, period, 300);
  for (int left = 299; left >= 0; --left) {
    const Ledger::Taken taken = ledger.take(kOne, terms, 1, kStart);
    REQUIRE(taken.passed);
    REQUIRE(std::floor(taken.left) == left);
  }
}

TEST_CASE("a rate is kept to a millionth over millions of requests", "[limits]") {
  const auto [count, period] =
      GENERATE(std::pair{3ULL, kSecond}, std::pair{7ULL, 60 * kSecond}, std::pair{999'999ULL, kSecond},
               std::pair{30'000'007ULL, kSecond}, std::pair{1'234'567ULL, 3600 * kSecond});
  CAPTURE(count, period);
  Ledger ledger;
  const Terms terms = Terms::of(count, period, 1);
  constexpr int kTakes = 1'000'000;
  Nanos waited = 0;
  for (int i = 0; i < kTakes; ++i)
    waited = ledger.reserve(kOne, terms, 1, kStart);
  const double right =
      static_cast<double>(kTakes - 1) * static_cast<double>(period) / static_cast<double>(count);
  CHECK(std::abs(static_cast<double>(waited) - right) <= right * 1e-6);
}

TEST_CASE("tokens come back one by one, never more than the burst", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  CHECK(drain(ledger, kOne, terms, kStart) == 5);
  CHECK(drain(ledger, kOne, terms, kStart + kSecond / 10) == 1);
  CHECK(drain(ledger, kOne, terms, kStart + 3 * kSecond / 10) == 2);
  CHECK(drain(ledger, kOne, terms, kStart + 1000 * kSecond) == 5);
}

TEST_CASE("a request may cost more, and none that is too dear takes anything", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 10);
  CHECK(ledger.take(kOne, terms, 7, kStart).passed);
  const Ledger::Taken refused = ledger.take(kOne, terms, 5, kStart);
  CHECK_FALSE(refused.passed);
  CHECK(refused.wait == kSecond / 5);
  CHECK(refused.full == 7 * kSecond / 10);
  CHECK(ledger.take(kOne, terms, 3, kStart).passed);
  CHECK_FALSE(ledger.take(kOne, terms, 11, kStart + 100 * kSecond).passed);
  CHECK(drain(ledger, kOne, terms, kStart + 100 * kSecond) == 10);
}

TEST_CASE("clocks of two workers a little apart give nothing away", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(1000, 10);
  std::uint64_t passed = 0;
  Nanos now = kStart;
  for (int turn = 0; turn < 10'000; ++turn, now += 100'000) {
    passed += ledger.take(kOne, terms, 1, now).passed ? 1 : 0;
    passed += ledger.take(kOne, terms, 1, now - 50'000).passed ? 1 : 0;
  }
  CHECK(passed >= 1000 + 9);
  CHECK(passed <= 1000 + 10);
}

TEST_CASE("what is given back can be taken again, and no more than was taken", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  SECTION("the same instant") {
    CHECK(drain(ledger, kOne, terms, kStart) == 5);
    ledger.give_back(kOne, terms, 2);
    CHECK(drain(ledger, kOne, terms, kStart) == 2);
  }
  SECTION("to a bucket that is full, which stays as full as it was") {
    CHECK(ledger.take(kOne, terms, 1, kStart).passed);
    ledger.give_back(kOne, terms, 1);
    ledger.give_back(kOne, terms, 5);
    CHECK(drain(ledger, kOne, terms, kStart) == 5);
  }
  SECTION("to a bucket that is forgotten") {
    CHECK(ledger.take(kOne, terms, 1, kStart).passed);
    ledger.sweep(kStart + kSecond);
    ledger.give_back(kOne, terms, 1);
    CHECK(ledger.size() == 0);
    CHECK(drain(ledger, kOne, terms, kStart + kSecond) == 5);
  }
  SECTION("by terms that have changed since, in tokens") {
    CHECK(drain(ledger, kOne, terms, kStart) == 5);
    const Terms next = per_second(1000, 5);
    CHECK_FALSE(ledger.take(kOne, next, 1, kStart).passed);
    ledger.give_back(kOne, terms, 2);
    CHECK(drain(ledger, kOne, next, kStart) == 2);
  }
}

TEST_CASE("what is reserved is waited for in turn", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(1000, 100);
  CHECK(ledger.reserve(kOne, terms, 100, kStart) == 0);
  CHECK(ledger.reserve(kOne, terms, 500, kStart) == kSecond / 2);
  CHECK(ledger.reserve(kOne, terms, 500, kStart) == kSecond);
  CHECK(ledger.reserve(kOne, terms, 1, kStart + 2 * kSecond) == 0);
}

TEST_CASE("what would have to be waited for is not taken by who will not wait", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(1000, 100);
  CHECK(ledger.try_reserve(kOne, terms, 60, kStart));
  CHECK_FALSE(ledger.try_reserve(kOne, terms, 41, kStart));
  CHECK(ledger.reserve(kOne, terms, 40, kStart) == 0);  // out of the same bucket
  CHECK_FALSE(ledger.try_reserve(kOne, terms, 1, kStart));
  CHECK(ledger.try_reserve(kOne, terms, 1, kStart + kSecond / 1000));
}

TEST_CASE("a debt beyond all time stays there", "[limits]") {
  Ledger ledger;
  const Terms terms = Terms::of(1, 24 * 3600 * kSecond, 1'000'000'000'000);
  for (int i = 0; i < 3; ++i)
    CHECK(ledger.reserve(kOne, terms, 1'000'000'000'000, kStart) >= 0);
  CHECK(terms.depth() > 0);
}

TEST_CASE("ten gigabytes a second are as many", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10'000'000'000, 1'000'000);
  CHECK(ledger.reserve(kOne, terms, 1'000'000, kStart) == 0);
  const Nanos wait = ledger.reserve(kOne, terms, 10'000'000'000, kStart);
  CHECK(std::abs(static_cast<double>(wait - kSecond)) < 1e-4 * static_cast<double>(kSecond));
}

TEST_CASE("what was taken stays taken when rate and burst change", "[limits]") {
  struct Case {
    Terms before;
    std::uint64_t taken;
    Terms after;
    std::uint64_t passes;
  };
  const auto [before, taken, after, passes] =
      GENERATE(Case{per_second(10, 10), 4, per_second(1000, 10), 6},  //
               Case{per_second(1000, 10), 4, per_second(3, 10), 6},   //
               Case{per_second(10, 10), 10, per_second(10, 15), 5},   //
               Case{per_second(10, 100), 50, per_second(10, 60), 10},
               Case{per_second(10, 100), 50, per_second(10, 20), 0},
               Case{per_second(3, 100), 50, Terms::of(7, 3600 * kSecond, 100), 50},
               Case{Terms::of(7, 3600 * kSecond, 100), 50, per_second(3, 100), 50});
  const bool told = GENERATE(true, false);
  CAPTURE(taken, passes, told);
  Ledger ledger;
  REQUIRE(ledger.take(kOne, before, taken, kStart).passed);
  if (told) ledger.change({.limits = {{kOne.limit, after}}}, kStart);
  if (told) ledger.change({.limits = {{kOne.limit, after}}}, kStart);
  CHECK(drain(ledger, kOne, after, kStart) == passes);
  // Whoever had more than there is room for now waits for one token, not for all of them.
  if (told) CHECK(ledger.take(kOne, after, 1, kStart).wait <= after.time_of(1));
}

TEST_CASE("what waits in turn keeps its turn when rate and burst change", "[limits]") {
  Ledger ledger;
  const Terms before = per_second(1000, 100);
  const Terms after = per_second(2000, 10);
  CHECK(ledger.reserve(kOne, before, 1100, kStart) == kSecond);
  ledger.change({.limits = {{kOne.limit, after}}}, kStart);
  const Nanos wait = ledger.reserve(kOne, after, 10, kStart);
  CHECK(std::abs(static_cast<double>(wait - 550'000'000)) < 1000);
}

TEST_CASE("a rate and a bandwidth of the same key know nothing of each other", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  CHECK(ledger.reserve(kOne, terms, 1000, kStart) > 0);
  CHECK(drain(ledger, kOne, terms, kStart) == 5);
  ledger.change({.limits_gone = {kOne.limit}}, kStart);
  CHECK(ledger.size() == 0);
}

TEST_CASE("a bucket that nobody asks for fills at the new pace", "[limits]") {
  Ledger ledger;
  const Terms slow = Terms::of(10, 3600 * kSecond, 10);
  const Terms fast = per_second(10, 10);
  CHECK(drain(ledger, kOne, slow, kStart) == 10);
  ledger.change({.limits = {{kOne.limit, fast}}}, kStart);
  CHECK(drain(ledger, kOne, fast, kStart + kSecond) == 10);
  ledger.change({.limits = {{kOne.limit, slow}}}, kStart + kSecond);
  ledger.sweep(kStart + 3 * kSecond);
  CHECK(drain(ledger, kOne, slow, kStart + 3 * kSecond) == 0);
}

TEST_CASE("another limit's buckets are left alone by a change", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 10);
  const Key other = key_of("other", "one");
  CHECK(drain(ledger, other, terms, kStart) == 10);
  ledger.change({.limits = {{kOne.limit, per_second(1000, 10)}}, .limits_gone = {kOne.limit}}, kStart);
  CHECK(drain(ledger, other, terms, kStart + kSecond / 10) == 1);
}

TEST_CASE("so many are under way at a time", "[limits]") {
  Ledger ledger;
  CHECK(ledger.enter(kOne, 2).inside == 1);
  CHECK(ledger.enter(kOne, 2).inside == 2);
  const Ledger::Entered refused = ledger.enter(kOne, 2);
  CHECK_FALSE(refused.passed);
  CHECK(refused.inside == 2);
  ledger.leave(kOne);
  CHECK(ledger.enter(kOne, 2).passed);
  // Fewer from now on: those inside stay.
  CHECK_FALSE(ledger.enter(kOne, 1).passed);
  ledger.leave(kOne);
  CHECK_FALSE(ledger.enter(kOne, 1).passed);
  ledger.leave(kOne);
  CHECK(ledger.size() == 0);
  ledger.leave(kOne);
  CHECK(ledger.enter(kOne, 1).inside == 1);
  CHECK_FALSE(ledger.enter(key_of("none", "x"), 0).passed);
}

TEST_CASE("a count and a bucket of the same key know nothing of each other", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  CHECK(drain(ledger, kOne, terms, kStart) == 5);
  CHECK(ledger.enter(kOne, 1).passed);
  ledger.change({.limits_gone = {kOne.limit}}, kStart);
  CHECK(drain(ledger, kOne, terms, kStart) == 5);
  CHECK_FALSE(ledger.enter(kOne, 1).passed);
  ledger.leave(kOne);
  CHECK(ledger.enter(kOne, 1).passed);
}

TEST_CASE("limits and tenants that are no more are forgotten, but for those inside", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  for (int i = 0; i < 10'000; ++i) {
    const std::string tenant = "tenant-" + std::to_string(i);
    ledger.take(bounded_key("standard", tenant), terms, 1, kStart);
    ledger.enter(bounded_key("flight", tenant), 5);
  }
  ledger.take(kOne, terms, 1, kStart);
  Ledger::Changes changes;
  for (int i = 0; i < 9'999; ++i)
    changes.tenants_gone.insert(tag_of("tenant-" + std::to_string(i)));
  ledger.change(changes, kStart);
  CHECK(ledger.size() == 10'000 + 2);
  ledger.change({.limits_gone = {tag_of("standard")}}, kStart);
  CHECK(ledger.size() == 10'000);
  for (int i = 0; i < 10'000; ++i)
    ledger.leave(bounded_key("flight", "tenant-" + std::to_string(i)));
  CHECK(ledger.size() == 0);
}

TEST_CASE("what need not be remembered is forgotten", "[limits]") {
  Ledger ledger;
  const Terms terms = per_second(10, 5);
  ledger.take(kOne, terms, 1, kStart);
  ledger.take(key_of("standard", "two"), terms, 5, kStart);
  ledger.take(bounded_key("standard", "acme"), terms, 1, kStart);
  ledger.enter(key_of("flight", "one"), 5);
  ledger.sweep(kStart + kSecond / 20);
  CHECK(ledger.size() == 4);
  ledger.sweep(kStart + kSecond / 5);
  CHECK(ledger.size() == 2);
  ledger.sweep(kStart + kSecond);
  CHECK(ledger.size() == 1);
  CHECK(ledger.evicted() == 0);
}
