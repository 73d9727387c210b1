#include "sluice/limits/lease.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::limits::Lease;
using sluice::limits::Terms;

namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000 * kMillisecond;
constexpr Nanos kStart = 1'000 * kSecond;
constexpr Lease::Reach kOneNode{1, 1};
constexpr Lease::Reach kAlone{0, 1};

// The store's side, as its script has it.
class Store {
 public:
  explicit Store(Nanos now) : at_(now) {}
  Lease::Answer take(const Lease::Ask& ask, Nanos now) {
    const auto burst = static_cast<double>(ask.terms.burst);
    taken_ = std::max(taken_ - static_cast<double>(now - at_) / ask.terms.per_token, 0.0);
    at_ = now;
    taken_ = std::clamp(std::max(taken_, ask.at_least) + static_cast<double>(ask.settle), 0.0, 2 * burst);
    const double room = std::floor(burst - taken_);
    const auto granted =
        static_cast<std::int64_t>(std::max(std::min(static_cast<double>(ask.want), room), 0.0));
    taken_ += static_cast<double>(granted);
    return {granted, taken_};
  }

 private:
  double taken_ = 0;
  Nanos at_;
};

// Sends what it wants to ask, and hears of it at once.
void settle(Lease& lease, Store& store, Nanos now, Lease::Reach reach = kOneNode) {
  while (lease.wants_to_ask(now, reach))
    lease.answered(store.take(lease.ask(now), now), now, reach);
}

std::uint64_t passed(Lease& lease, const Terms& terms, int requests, Nanos now,
                     Lease::Reach reach = kOneNode) {
  std::uint64_t out = 0;
  for (int i = 0; i < requests; ++i)
    out += lease.take(terms, 1, now, reach).passed ? 1 : 0;
  return out;
}

}  // namespace

TEST_CASE("a lease is a twentieth of the burst, or 100 ms of the rate, and at least one token",
          "[limits][lease]") {
  CHECK(Lease::size(Terms::of(50, kSecond, 100)) == 5);
  CHECK(Lease::size(Terms::of(50, kSecond, 10'000)) == 5);
  CHECK(Lease::size(Terms::of(100'000, kSecond, 100'000)) == 5'000);
  CHECK(Lease::size(Terms::of(5, 60 * kSecond, 5)) == 1);
}

TEST_CASE("a node that is alone with its store passes a whole burst at once, and no more",
          "[limits][lease]") {
  Lease lease;
  CHECK(passed(lease, Terms::of(10, kSecond, 20), 50, kStart) == 20);
}

TEST_CASE("a lease that comes after the last token was handed out is no token more", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 20);
  Store store(kStart);
  Lease lease;
  REQUIRE(passed(lease, terms, 19, kStart) == 19);
  const Lease::Answer answer = store.take(lease.ask(kStart), kStart);
  REQUIRE(answer.granted == 1);
  CHECK(passed(lease, terms, 5, kStart) == 1);
  lease.answered(answer, kStart, kOneNode);
  CHECK(passed(lease, terms, 5, kStart) == 0);
}

TEST_CASE("before the store was heard of, nodes share the burst", "[limits][lease]") {
  Lease lease;
  CHECK(passed(lease, Terms::of(10, kSecond, 20), 50, kStart, {1, 4}) == 5);
}

TEST_CASE("what was passed beyond the lease is taken from the store with the next ask", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 20);
  Lease lease;
  REQUIRE(passed(lease, terms, 7, kStart) == 7);
  REQUIRE(lease.wants_to_ask(kStart, kOneNode));
  const Lease::Ask ask = lease.ask(kStart);
  CHECK(ask.settle == 7);
  CHECK(ask.want == 1);
  CHECK(ask.at_least == 0);
  CHECK_FALSE(lease.wants_to_ask(kStart, kOneNode));
  CHECK(lease.take(terms, 1, kStart, kOneNode).passed);  // meanwhile
  lease.answered({1, 8}, kStart, kOneNode);
  CHECK_FALSE(lease.holds());  // the lease paid for it
  CHECK_FALSE(lease.owes());
}

TEST_CASE("two nodes in turn pass one burst together, within a lease each", "[limits][lease]") {
  const Terms terms = Terms::of(5, 60 * kSecond, 5);
  Store store(kStart);
  Lease nodes[2];
  std::uint64_t all = 0;
  for (int i = 0; i < 20; ++i) {
    Lease& node = nodes[i % 2];
    all += passed(node, terms, 1, kStart + i * kMillisecond, {1, 2});
    settle(node, store, kStart + i * kMillisecond, {1, 2});
  }
  CHECK(all >= 4);
  CHECK(all <= 6);
}

TEST_CASE("a dry bucket refuses with the time until there is a token, and asks no sooner",
          "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 10);
  Store store(kStart);
  Lease lease;
  REQUIRE(passed(lease, terms, 10, kStart) == 10);
  settle(lease, store, kStart);
  const Lease::Taken refused = lease.take(terms, 1, kStart, kOneNode);
  CHECK_FALSE(refused.passed);
  CHECK(refused.wait == 100 * kMillisecond);
  CHECK(refused.left == 0);
  CHECK(refused.full == kSecond);
  CHECK_FALSE(lease.wants_to_ask(kStart + 99 * kMillisecond, kOneNode));
  CHECK(lease.take(terms, 1, kStart + refused.wait, kOneNode).passed);
}

TEST_CASE("a request that costs more than a lease gets its tokens together", "[limits][lease]") {
  const Terms terms = Terms::of(1, kSecond, 10);
  constexpr Lease::Reach kFive{1, 5};
  Store store(kStart);
  Lease lease;
  CHECK_FALSE(lease.take(terms, 5, kStart, kFive).passed);  // might be spent elsewhere: it asks
  settle(lease, store, kStart, kFive);
  CHECK(lease.take(terms, 5, kStart, kFive).passed);
}

TEST_CASE("what a request gave back is there again", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 10);
  Lease lease;
  REQUIRE(passed(lease, terms, 20, kStart) == 10);
  lease.give_back(3);
  CHECK(passed(lease, terms, 20, kStart) == 3);
  Lease alone;
  REQUIRE(passed(alone, terms, 20, kStart, kAlone) == 10);
  alone.give_back(3);
  CHECK(passed(alone, terms, 20, kStart, kAlone) == 3);
}

TEST_CASE("without a store the bucket is counted here, beginning from what is known", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  Store store(kStart);
  Lease lease;
  Lease other;
  REQUIRE(passed(other, terms, 90, kStart) == 90);
  settle(other, store, kStart);
  REQUIRE(passed(lease, terms, 1, kStart, {1, 2}) == 1);
  settle(lease, store, kStart, {1, 2});
  const std::uint64_t rest = passed(lease, terms, 100, kStart, kAlone);
  CHECK(rest >= 4);
  CHECK(rest <= 9);
  CHECK(passed(lease, terms, 100, kStart + kSecond, kAlone) == 10);
}

TEST_CASE("a store that comes back empty is told how much is taken", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  Store before(kStart);
  Lease lease;
  REQUIRE(passed(lease, terms, 100, kStart) == 100);
  settle(lease, before, kStart);
  CHECK(passed(lease, terms, 100, kStart + kSecond, kAlone) == 10);
  Store after(kStart + kSecond);
  constexpr Lease::Reach kAgain{2, 1};
  CHECK(passed(lease, terms, 100, kStart + kSecond, kAgain) == 0);
  settle(lease, after, kStart + kSecond, kAgain);
  CHECK(passed(lease, terms, 100, kStart + 2 * kSecond, kAgain) == 10);
}

TEST_CASE("it is told so as well where the first word is that a lease comes back", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  Lease lease;
  REQUIRE(passed(lease, terms, 60, kStart) == 60);
  Store before(kStart);
  settle(lease, before, kStart);
  Store after(kStart);
  constexpr Lease::Reach kAgain{2, 1};
  lease.answered(after.take(lease.give_up(kStart, kAgain), kStart), kStart, kAgain);
  CHECK(passed(lease, terms, 100, kStart, kAgain) == 40);
}

TEST_CASE("a store that is slow to answer makes nobody be refused who has tokens", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  constexpr Lease::Reach kTwo{1, 2};
  Lease lease;
  REQUIRE(passed(lease, terms, 1, kStart, kTwo) == 1);
  static_cast<void>(lease.ask(kStart));
  CHECK(passed(lease, terms, 100, kStart, kTwo) == 49);
  CHECK(passed(lease, terms, 100, kStart + 30 * kMillisecond, kTwo) == 50);
}

TEST_CASE("an answer of a connection that was lost changes nothing", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  Lease lease;
  REQUIRE(passed(lease, terms, 1, kStart) == 1);
  static_cast<void>(lease.ask(kStart));
  REQUIRE(passed(lease, terms, 1, kStart, {2, 1}) == 1);
  lease.answered({5, 100}, kStart, {2, 1});
  CHECK_FALSE(lease.holds());
  CHECK(lease.wants_to_ask(kStart, {2, 1}));
}

TEST_CASE("other terms keep what was taken, and cost no more than the new burst", "[limits][lease]") {
  const Terms before = Terms::of(10, kSecond, 100);
  Lease lease;
  REQUIRE(passed(lease, before, 60, kStart) == 60);
  CHECK(passed(lease, Terms::of(100, kSecond, 80), 100, kStart) == 20);
  const Lease::Taken refused = lease.take(Terms::of(1, kSecond, 4), 1, kStart, kOneNode);
  CHECK_FALSE(refused.passed);
  CHECK(refused.wait <= 2 * kSecond);
}

TEST_CASE("a bucket that takes longer than the clock goes is only a large number", "[limits][lease]") {
  const Terms terms = Terms::of(1, 3'600 * kSecond, 1'000'000'000);
  Lease lease;
  REQUIRE(lease.take(terms, 1'000'000'000, kStart, kOneNode).passed);
  const Lease::Taken refused = lease.take(terms, 1'000'000'000, kStart, kOneNode);
  CHECK_FALSE(refused.passed);
  CHECK(refused.wait > 100LL * 365 * 24 * 3'600 * kSecond);
}

TEST_CASE("what nobody uses goes back to the store, and then means nothing", "[limits][lease]") {
  const Terms terms = Terms::of(10, kSecond, 100);
  Store store(kStart);
  Lease lease;
  REQUIRE(passed(lease, terms, 1, kStart) == 1);
  settle(lease, store, kStart);
  REQUIRE(lease.holds());
  CHECK_FALSE(lease.means_nothing(kStart + 100 * kSecond, kOneNode));
  const Lease::Ask back = lease.give_up(kStart + kSecond, kOneNode);
  CHECK(back.settle < 0);
  CHECK(back.want == 0);
  lease.answered(store.take(back, kStart + kSecond), kStart + kSecond, kOneNode);
  CHECK_FALSE(lease.holds());
  CHECK(lease.means_nothing(kStart + 2 * kSecond, kOneNode));
}

// Nodes with answers on their way for a while, requests at random: never more than the burst, the rate and a
// lease for each node; and where all are busy, all that there is.
TEST_CASE("whatever the nodes do, they pass what one bucket would, within a lease each", "[limits][lease]") {
  struct Node {
    Lease lease;
    std::deque<std::pair<Nanos, Lease::Answer>> answers;
  };
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto upto = [&](std::uint64_t most) { return 1 + random() % most; };
    const std::uint64_t rate = upto(2'000);
    const Terms terms = Terms::of(rate, kSecond, 10 + random() % 500);
    const std::size_t count = upto(5);
    const Lease::Reach reach{1, static_cast<std::uint32_t>(count)};
    std::vector<Node> nodes(count);
    Store store(kStart);
    Nanos now = kStart;
    std::uint64_t all = 0;
    const Nanos end = kStart + 4 * kSecond;
    while (now < end) {
      now += static_cast<Nanos>(random() % (kSecond / (4 * rate) + 1));
      Node& node = nodes[random() % count];
      while (!node.answers.empty() && node.answers.front().first <= now) {
        node.lease.answered(node.answers.front().second, now, reach);
        node.answers.pop_front();
      }
      all += node.lease.take(terms, 1, now, reach).passed ? 1 : 0;
      if (node.lease.wants_to_ask(now, reach)) {
        const Nanos way = static_cast<Nanos>(random() % (2 * kMillisecond));
        node.answers.emplace_back(now + way, store.take(node.lease.ask(now), now));
      }
    }
    const double there = static_cast<double>(terms.burst) + 4.0 * static_cast<double>(rate);
    const double leases = static_cast<double>(count) * static_cast<double>(Lease::size(terms) + 1);
    CAPTURE(seed, rate, terms.burst, count, all, there, leases);
    CHECK(static_cast<double>(all) <= there + leases);
    CHECK(static_cast<double>(all) >= there * 0.97 - leases);
  }
}
