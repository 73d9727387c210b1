#include "observe/losses.hpp"

#include "sluice/base/clock.hpp"

#include <vector>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::observe::Losses;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

}  // namespace

TEST_CASE("the first loss is told at once, the next at intervals that grow", "[observe][losses]") {
  Losses losses;
  CHECK(losses.lost(3, 100 * kSecond) == 3);
  std::vector<Nanos> told;
  for (Nanos second = 101; second < 400; ++second) {
    if (losses.lost(1, second * kSecond) != 0) told.push_back(second);
  }
  CHECK(told == std::vector<Nanos>{110, 130, 170, 250});
}

TEST_CASE("what is told is all that was lost since it began", "[observe][losses]") {
  Losses losses;
  CHECK(losses.lost(3, 100 * kSecond) == 3);
  CHECK(losses.lost(4, 101 * kSecond) == 0);
  CHECK(losses.lost(5, 110 * kSecond) == 12);
  CHECK(losses.over(111 * kSecond) == 12);
}

TEST_CASE("intervals do not grow for ever", "[observe][losses]") {
  Losses losses;
  Nanos now = kSecond;
  losses.lost(1, now);
  for (int i = 0; i < 20; ++i) {
    now += Losses::kLongestPause;
    CHECK(losses.lost(1, now) != 0);
  }
}

TEST_CASE("it is over after a while without losses, and begins anew", "[observe][losses]") {
  Losses losses;
  CHECK(losses.over_at() == 0);
  CHECK(losses.over(kSecond) == 0);
  losses.lost(3, 100 * kSecond);
  CHECK(losses.over_at() == 100 * kSecond + Losses::kCalm);
  CHECK(losses.over(losses.over_at() - 1) == 0);
  losses.lost(1, 100 * kSecond + Losses::kCalm / 2);
  CHECK(losses.over(100 * kSecond + Losses::kCalm) == 0);
  CHECK(losses.over(102 * kSecond) == 4);
  CHECK(losses.over(200 * kSecond) == 0);
  CHECK(losses.lost(2, 201 * kSecond) == 2);
}

TEST_CASE("a loss of nothing is none", "[observe][losses]") {
  Losses losses;
  CHECK(losses.lost(0, kSecond) == 0);
  CHECK(losses.over_at() == 0);
}

TEST_CASE("bursts of losses do not fill the log", "[observe][losses]") {
  Losses losses;
  int lines = 0;
  std::uint64_t told = 0;
  for (Nanos second = 1000; second < 1000 + 3600; ++second) {
    if (second % 3 == 0) lines += losses.lost(2, second * kSecond) != 0 ? 1 : 0;
    const std::uint64_t over = losses.over(second * kSecond + kSecond / 2);
    lines += over != 0 ? 1 : 0;
    told += over;
    if (const auto later = losses.over(second * kSecond + kSecond - 1); later != 0) {
      ++lines;
      told += later;
    }
  }
  CHECK(lines < 40);
  CHECK(told > 1500);
}

TEST_CASE("losses that were kept back are told when it is over", "[observe][losses]") {
  Losses losses;
  losses.lost(3, 100 * kSecond);
  CHECK(losses.over(102 * kSecond) == 3);
  CHECK(losses.lost(4, 103 * kSecond) == 0);
  CHECK(losses.over_at() == 110 * kSecond);
  CHECK(losses.over(109 * kSecond) == 0);
  CHECK(losses.over(110 * kSecond) == 4);
  CHECK(losses.over_at() == 0);
}
