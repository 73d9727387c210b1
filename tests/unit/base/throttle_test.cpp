#include "sluice/base/throttle.hpp"

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::Throttle;

namespace {
constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1000 * kSecond;
}  // namespace

TEST_CASE("the first failure is told, those that follow with a count", "[base][throttle]") {
  Throttle throttle;
  CHECK(throttle.failed(kStart) == 1);
  CHECK(throttle.failed(kStart + 1) == 0);
  CHECK(throttle.failed(kStart + kSecond) == 0);
  CHECK(throttle.failed(kStart + 5 * kSecond) == 3);
}

TEST_CASE("an hour of failures, ten a second, is some twenty lines", "[base][throttle]") {
  Throttle throttle;
  int lines = 0;
  std::uint64_t told = 0;
  for (Nanos at = 0; at < 3600 * kSecond; at += kSecond / 10) {
    const auto count = throttle.failed(kStart + at);
    lines += count != 0 ? 1 : 0;
    told += count;
  }
  CHECK(lines > 10);
  CHECK(lines < 25);
  CHECK(told > 30'000);
}

TEST_CASE("recovery is told once, and only of what was told", "[base][throttle]") {
  Throttle throttle;
  CHECK_FALSE(throttle.recovered());
  throttle.failed(kStart);
  CHECK(throttle.recovered());
  CHECK_FALSE(throttle.recovered());
  CHECK(throttle.failed(kStart + 1) == 0);
  CHECK_FALSE(throttle.recovered());
}

TEST_CASE("trouble that comes and goes does not fill the log", "[base][throttle]") {
  Throttle throttle;
  int lines = 0;
  for (Nanos at = 0; at < 3600 * kSecond; at += kSecond / 10) {
    lines += throttle.failed(kStart + at) != 0 ? 1 : 0;
    lines += throttle.recovered() ? 1 : 0;
  }
  CHECK(lines < 50);
}

TEST_CASE("after a quiet time it is told at once again", "[base][throttle]") {
  Throttle throttle;
  for (int i = 0; i < 100; ++i)
    throttle.failed(kStart + i * kSecond);
  CHECK(throttle.failed(kStart + 99 * kSecond + 301 * kSecond) > 1);
}

TEST_CASE("so many are told one by one before there are intervals", "[base][throttle]") {
  Throttle throttle({.at_once = 3});
  for (int i = 0; i < 3; ++i)
    CHECK(throttle.failed(kStart + i) == 1);
  CHECK(throttle.failed(kStart + 3) == 0);
  CHECK(throttle.failed(kStart + 2 + 5 * kSecond) == 2);
  CHECK(throttle.failed(kStart + 2 + 14 * kSecond) == 0);
  CHECK(throttle.failed(kStart + 2 + 15 * kSecond) == 2);
}

TEST_CASE("what was kept back and lasts is told when its time comes", "[base][throttle]") {
  Throttle throttle;
  CHECK(throttle.overdue(kStart) == 0);
  throttle.failed(kStart);
  CHECK(throttle.recovered());
  CHECK(throttle.overdue(kStart + 6 * kSecond) == 0);
  throttle.failed(kStart + kSecond);
  throttle.failed(kStart + 2 * kSecond);
  CHECK_FALSE(throttle.told());
  CHECK(throttle.overdue(throttle.next() - 1) == 0);
  CHECK(throttle.overdue(throttle.next()) == 2);
  CHECK(throttle.recovered());
}
