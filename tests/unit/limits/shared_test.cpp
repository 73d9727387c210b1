#include "sluice/limits/shared.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::limits::Key;
using sluice::limits::KeyMaker;
using sluice::limits::Lease;
using sluice::limits::Outage;
using sluice::limits::Shared;
using sluice::limits::tag_of;
using sluice::limits::Terms;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;
const Terms kTerms = Terms::of(10, kSecond, 20);

struct Counting final : Shared::Waker {
  void wake() override { ++times; }
  int times = 0;
};

struct Client {
  explicit Client(std::string_view of) : maker("login") {
    maker.add(of);
    key = maker.key();
    key.limit = tag_of("login");
  }
  bool passes(Shared& shared, Nanos now = kStart) const {
    return shared.take(key, maker.text(), kTerms, 1, now).passed;
  }
  KeyMaker maker;
  Key key;
};

}  // namespace

TEST_CASE("a shared bucket asks once, by a name that tells nothing of the client", "[limits][shared]") {
  Shared shared;
  Counting waker;
  shared.set_waker(waker);
  shared.join(1);
  const Client client("secret");
  REQUIRE(client.passes(shared));
  REQUIRE(client.passes(shared));
  CHECK(waker.times == 1);
  const auto asks = shared.collect(10, kStart);
  REQUIRE(asks.size() == 1);
  CHECK(asks[0].name.starts_with("sluice:login:"));
  CHECK(asks[0].name.size() == std::string("sluice:login:").size() + 32);
  CHECK(asks[0].name.find("secret") == std::string::npos);
  CHECK(asks[0].lease.settle == 2);
  CHECK(shared.collect(10, kStart).empty());
  CHECK(client.passes(shared));
  CHECK(waker.times == 1);  // not while an answer is on its way
  shared.answered(asks[0].key, {0, 2}, kStart);
  CHECK(waker.times == 2);  // the third is owed still
  CHECK(shared.collect(10, kStart).size() == 1);
}

TEST_CASE("the name of a bucket is the same in another process", "[limits][shared]") {
  Shared shared;
  shared.join(1);
  const Client client("10.0.0.1");
  REQUIRE(client.passes(shared));
  const auto asks = shared.collect(10, kStart);
  REQUIRE(asks.size() == 1);
  // Of the SHA-256 of what KeyMaker::text() says.
  CHECK(asks[0].name == "sluice:login:a47de728734be599cf7039895c703053");
}

TEST_CASE("what is to happen without the store happens", "[limits][shared]") {
  Shared shared;
  const Client client("a");
  shared.lose(Outage::open);
  for (int i = 0; i < 100; ++i)
    REQUIRE(client.passes(shared));
  shared.lose(Outage::closed);
  const auto taken = shared.take(client.key, client.maker.text(), kTerms, 1, kStart);
  CHECK_FALSE(taken.passed);
  CHECK(taken.unreachable);
  CHECK(taken.wait == kSecond);
  shared.lose(Outage::local);
  int passed = 0;
  for (int i = 0; i < 100; ++i)
    passed += client.passes(shared) ? 1 : 0;
  CHECK(passed == 20);
  CHECK(shared.collect(10, kStart).empty());
}

TEST_CASE("what was asked of a store that was lost is asked of the next", "[limits][shared]") {
  Shared shared;
  shared.join(1);
  const Client client("a");
  REQUIRE(client.passes(shared));
  REQUIRE(shared.collect(10, kStart).size() == 1);
  REQUIRE(client.passes(shared));
  shared.lose(Outage::local);
  shared.join(1);
  CHECK(shared.collect(10, kStart).empty());  // nobody used it since
  REQUIRE(client.passes(shared));
  const auto asks = shared.collect(10, kStart);
  REQUIRE(asks.size() == 1);
  CHECK(asks[0].lease.settle == 1);
  CHECK(asks[0].lease.at_least == 2);
}

TEST_CASE("leases that nobody uses are put back, and full buckets forgotten", "[limits][shared]") {
  Shared shared;
  shared.join(1);
  const Client client("a");
  REQUIRE(client.passes(shared));
  for (const auto& ask : shared.collect(10, kStart))
    shared.answered(ask.key, {ask.lease.want, 2}, kStart);
  CHECK(shared.tidy(kStart + kSecond / 2).empty());
  const auto back = shared.tidy(kStart + 2 * kSecond);
  REQUIRE(back.size() == 1);
  CHECK(back[0].lease.settle == -1);
  shared.answered(back[0].key, {0, 1}, kStart + 2 * kSecond);
  CHECK(shared.size() == 1);
  CHECK(shared.tidy(kStart + 20 * kSecond).empty());
  CHECK(shared.size() == 0);
}

TEST_CASE("buckets are bounded, and the least recently used goes first", "[limits][shared]") {
  Shared shared;
  shared.set_most(256);
  for (int i = 0; i < 10'000; ++i)
    REQUIRE(Client(std::to_string(i)).passes(shared));
  CHECK(shared.size() <= 256);
  CHECK(shared.evicted() >= 10'000 - 256);
  CHECK(shared.memory() < 1'000'000);
}

TEST_CASE("what clients make up does not make room of what the configuration has", "[limits][shared]") {
  Shared shared;
  shared.set_most(256);
  shared.join(1);
  Client tenant("tenant");
  tenant.key.bounded = true;
  for (int i = 0; i < 20; ++i)
    REQUIRE(tenant.passes(shared));
  for (int i = 0; i < 10'000; ++i)
    REQUIRE(Client(std::to_string(i)).passes(shared));
  CHECK_FALSE(tenant.passes(shared));
}

TEST_CASE("threads that share a bucket pass what there is, while the store answers",
          "[limits][shared][threads]") {
  Shared shared;
  shared.join(1);
  const Client client("a");
  std::atomic<int> passed{0};
  std::atomic<int> busy{4};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n)
        passed += client.passes(shared) ? 1 : 0;
      --busy;
    });
  }
  std::int64_t taken = 0;
  while (busy != 0) {
    for (const Shared::Ask& ask : shared.collect(10, kStart)) {
      taken += ask.lease.settle;
      const std::int64_t granted = std::min<std::int64_t>(ask.lease.want, 20 - taken);
      taken += granted;
      shared.answered(ask.key, {granted, static_cast<double>(taken)}, kStart);
    }
    CHECK(shared.tidy(kStart).empty());
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(passed <= 20);
  CHECK(passed >= 19);  // the last may be a lease that nobody asked for any more
}
