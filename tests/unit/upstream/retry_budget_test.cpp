#include "sluice/upstream/balance/retry_budget.hpp"

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::upstream::RetryBudget;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;

}  // namespace

TEST_CASE("with every request failing, tries stay under 1.2 times the requests", "[upstream][retry]") {
  RetryBudget budget;
  std::uint64_t tries = 0;
  constexpr std::uint64_t kRequests = 40'000;
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    const Nanos now = kStart + static_cast<Nanos>(i) * kSecond / 2'000;
    budget.count_request(now);
    ++tries;
    while (budget.take(20, 10, now))
      ++tries;
  }
  CHECK(tries <= kRequests * 12 / 10);
  CHECK(tries > kRequests * 119 / 100);
}

TEST_CASE("a few retries in each second are always allowed", "[upstream][retry]") {
  RetryBudget budget;
  for (int second = 0; second < 30; ++second) {
    const Nanos now = kStart + second * kSecond;
    budget.count_request(now);
    for (int i = 0; i < 3; ++i)
      CHECK(budget.take(0, 3, now));
    CHECK_FALSE(budget.take(0, 3, now));
  }
}

TEST_CASE("requests count for ten seconds", "[upstream][retry]") {
  RetryBudget budget;
  for (int i = 0; i < 100; ++i)
    budget.count_request(kStart);
  CHECK(budget.take(2, 0, kStart + 9 * kSecond));
  CHECK(budget.take(2, 0, kStart + 9 * kSecond));
  CHECK_FALSE(budget.take(2, 0, kStart + 9 * kSecond));
  CHECK_FALSE(budget.take(100, 0, kStart + 10 * kSecond));  // the requests are out of sight, the retries not
  RetryBudget other;
  for (int i = 0; i < 100; ++i)
    other.count_request(kStart);
  CHECK_FALSE(other.take(100, 0, kStart + 10'000 * kSecond));
  other.count_request(kStart + 10'000 * kSecond);
  CHECK(other.take(100, 0, kStart + 10'000 * kSecond));
}
