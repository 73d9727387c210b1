#include "http2/receive_window.hpp"

#include "http2/round_trip.hpp"

#include <cstdint>
#include <limits>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http2;

namespace {

constexpr std::int64_t kMiB = 1024 * 1024;
constexpr std::int64_t kFirst = 65'536;
constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kUnknown = UINT64_MAX;

// A stream with a peer that sends all it may, and a reader.
class Flow {
 public:
  explicit Flow(WindowBudget& budget, std::uint64_t length = kUnknown) : to_come_(length) {
    window.start(kFirst, budget);
  }

  // As the pipe does it, after `bytes` were read.
  std::int64_t read(std::int64_t bytes) {
    unread -= bytes;
    taken += static_cast<std::uint64_t>(bytes);
    if (window.is_small_for(taken, to_come_)) window.widen(wish);
    return window.refill(unread, to_come_);
  }
  std::int64_t read_all() { return read(unread); }
  void send(std::int64_t bytes, std::int64_t padding = 0) {
    REQUIRE(window.admit(static_cast<std::uint32_t>(bytes + padding)));
    unread += bytes;
    if (to_come_ != kUnknown) to_come_ -= static_cast<std::uint64_t>(bytes);
  }
  void send_all() { send(window.open()); }
  // A round trip in which the reader takes `bytes`, or all that may be sent.
  bool round(std::int64_t bytes = kAll) {
    window.begin_round(taken);
    send_all();
    read(std::min(bytes, unread));
    return window.end_round(taken);
  }
  std::int64_t granted() const { return window.open() + unread; }
  std::uint64_t to_come() const { return to_come_; }

  ReceiveWindow window;
  std::int64_t wish = kAll;
  std::int64_t unread = 0;
  std::uint64_t taken = 0;

 private:
  std::uint64_t to_come_;
};

}  // namespace

TEST_CASE("a small body gets along with the first window", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  Flow flow(budget, 60'000);
  flow.send(40'000);
  CHECK(flow.read_all() == 0);
  flow.send(20'000);
  CHECK(flow.read_all() == 0);
  CHECK_FALSE(flow.window.wide());
  CHECK(budget.left() == 256 * kMiB);
}

TEST_CASE("nobody sends more than the window lets through", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  ReceiveWindow window;
  window.start(100, budget);
  CHECK(window.admit(60));
  CHECK_FALSE(window.admit(41));
  CHECK(window.admit(40));
  CHECK(window.open() == 0);
}

TEST_CASE("a large body is granted its length, once its reader has begun", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  Flow flow(budget, 20 * kMiB);
  flow.send_all();
  CHECK(flow.window.open() == 0);
  flow.read(kFirst / 4);
  CHECK(flow.granted() <= kFirst);
  flow.read_all();
  CHECK(flow.granted() >= 20 * kMiB - kFirst);
  CHECK(flow.granted() <= 20 * kMiB);

  // As it comes, the budget has it back.
  while (flow.to_come() != 0) {
    flow.send(std::min<std::int64_t>(kMiB, static_cast<std::int64_t>(flow.to_come())));
    flow.read_all();
  }
  CHECK(budget.left() == 256 * kMiB);
}

TEST_CASE("a body of unknown length is granted as far as the peer is, and a fifth of the budget at most",
          "[http2][window]") {
  WindowBudget budget(250 * kMiB);
  Flow near(budget);
  near.wish = kMiB;
  near.send_all();
  near.read_all();
  CHECK(near.granted() == kFirst + kMiB);

  WindowBudget other(250 * kMiB);
  Flow far(other);
  far.send_all();
  far.read_all();
  CHECK(far.granted() == kFirst + 50 * kMiB);
  CHECK(other.left() == 200 * kMiB);
}

TEST_CASE("newcomers find something, and all come to have the same", "[http2][window]") {
  WindowBudget budget(120 * kMiB);
  std::vector<Flow> flows(8, Flow(budget));
  for (Flow& flow : flows) {
    flow.send_all();
    flow.read_all();
    CHECK(flow.granted() > kFirst + 4 * kMiB);
  }
  CHECK(budget.left() > 0);
  for (int round = 0; round < 40; ++round) {
    for (Flow& flow : flows)
      flow.round();
  }
  for (Flow& flow : flows) {
    CHECK(flow.granted() > 9 * kMiB);
    CHECK(flow.granted() < 11 * kMiB);
    flow.window.end(0);
  }
  CHECK(budget.left() == 120 * kMiB);
}

TEST_CASE("a window that holds its peer up is doubled, round by round", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  Flow flow(budget);
  flow.wish = kMiB;
  flow.send_all();
  flow.read_all();
  // What the first round trip brings was sent before the peer knew of the larger window.
  CHECK_FALSE(flow.round());
  CHECK(flow.granted() == kFirst + kMiB);
  for (const int times : {2, 4, 8, 16, 32}) {
    CHECK(flow.round());
    flow.send_all();
    flow.read_all();
    CHECK(flow.granted() == times * (kFirst + kMiB));
  }
  CHECK(flow.round());
  flow.send_all();
  flow.read_all();
  CHECK(flow.granted() == kFirst + 256 * kMiB / 5);
  CHECK_FALSE(flow.round());
}

TEST_CASE("a reader that falls behind comes down to the first window, half by half", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  Flow flow(budget);
  flow.send_all();
  flow.read_all();
  const std::int64_t widest = flow.granted();
  flow.round();
  for (int round = 0; round < 2'000 && flow.granted() > kFirst; ++round) {
    const std::int64_t before = flow.granted();
    flow.round(kFirst / 2);
    CHECK(flow.granted() <= before);
  }
  CHECK(widest > 50 * kMiB);
  CHECK(flow.granted() <= kFirst);
  CHECK(budget.left() == 256 * kMiB);
}

TEST_CASE("who reads nothing holds what was granted, and no more", "[http2][window]") {
  WindowBudget budget(256 * kMiB);
  Flow flow(budget);
  flow.send_all();
  flow.read_all();
  const std::int64_t granted = flow.granted();
  flow.round();
  flow.send_all();
  for (int round = 0; round < 100; ++round) {
    flow.window.begin_round(flow.taken);
    flow.window.end_round(flow.taken);
    CHECK(flow.window.refill(flow.unread, kUnknown) == 0);
  }
  CHECK(flow.unread == granted);
  CHECK(budget.left() == 256 * kMiB - (granted - kFirst));
  flow.window.end(0);
  CHECK(budget.left() == 256 * kMiB);
}

TEST_CASE("with nothing left in the budget the first window remains", "[http2][window]") {
  WindowBudget budget(0);
  Flow flow(budget, 10 * kMiB);
  while (flow.to_come() != 0) {
    REQUIRE(flow.window.open() > 0);
    flow.send(std::min(flow.window.open(), static_cast<std::int64_t>(flow.to_come())));
    flow.read_all();
    CHECK(flow.granted() <= kFirst);
  }
  CHECK(budget.left() == 0);
}

TEST_CASE("padding never leaves a peer without a window", "[http2][window]") {
  for (const std::uint64_t length : {std::uint64_t{1'000}, std::uint64_t{100'000}, std::uint64_t{300'000}}) {
    WindowBudget budget(256 * kMiB);
    Flow flow(budget, length);
    while (flow.to_come() != 0) {
      REQUIRE(flow.window.open() > 0);
      const std::int64_t most = std::min<std::int64_t>(flow.window.open(), 257);
      flow.send(1, most - 1);
      flow.read_all();
    }
    CHECK(flow.window.open() > 0);  // for an empty frame at the end, with padding
    flow.window.end(0);
    CHECK(budget.left() == 256 * kMiB);
  }
}

TEST_CASE("what is granted is first windows and what the budget gave, whatever happens", "[http2][window]") {
  constexpr std::int64_t kTotal = 30 * kMiB;
  WindowBudget budget(kTotal);
  std::vector<Flow> flows(20, Flow(budget));
  std::uint32_t state = 1;
  const auto random = [&state](std::int64_t below) {
    state = state * 1'664'525 + 1'013'904'223;
    return below <= 0 ? 0 : static_cast<std::int64_t>(state >> 4) % below;
  };
  for (int step = 0; step < 20'000; ++step) {
    Flow& flow = flows[static_cast<std::size_t>(random(20))];
    switch (random(5)) {
      case 0: flow.send(random(flow.window.open() + 1)); break;
      case 1: flow.read(random(flow.unread + 1)); break;
      case 2: flow.window.begin_round(flow.taken); break;
      case 3: flow.window.end_round(flow.taken); break;
      default: flow.read_all(); break;
    }
    if (random(500) == 0) {
      flow.window.end(0);
      flow = Flow(budget);
    }
    if (random(5'000) == 0) budget.set_total(random(2) == 0 ? kTotal : kTotal / 3);
    std::int64_t granted = 0;
    for (const Flow& each : flows)
      granted += std::max<std::int64_t>(each.granted() - kFirst, 0);
    REQUIRE(granted <= kTotal);
    REQUIRE(budget.left() + granted <= kTotal);
  }
  budget.set_total(kTotal);
  for (Flow& flow : flows)
    flow.window.end(0);
  CHECK(budget.left() == kTotal);
}

TEST_CASE("a budget that is made smaller takes nothing back, and gives nothing out", "[http2][window]") {
  WindowBudget budget(100);
  CHECK(budget.take(60));
  CHECK_FALSE(budget.take(41));
  budget.set_total(50);
  CHECK(budget.left() == -10);
  CHECK(budget.share(0) == 0);
  CHECK_FALSE(budget.take(1));
  budget.give_back(60);
  CHECK(budget.left() == 50);
  CHECK(budget.share(0) == 10);
}

TEST_CASE("eight streams that prove nothing get the same, and leave a quarter to those that do",
          "[http2][window]") {
  WindowBudget budget(120);
  for (int stream = 0; stream < 8; ++stream) {
    CHECK(budget.advance() == 10);
    CHECK(budget.share(0) >= 10);
    CHECK(budget.take(10));
  }
  CHECK(budget.take(10));
  CHECK(budget.advance() == 0);
  CHECK(budget.left() == 30);
}

TEST_CASE("the way to the peer is known from SETTINGS, and better from PING", "[http2][window]") {
  constexpr Nanos kMillisecond = 1'000'000;
  RoundTrip trip;
  trip.settings_sent(100 * kMillisecond);
  CHECK(trip.distance() == 0);
  CHECK(trip.reach() == kAll);
  trip.settings_acknowledged(140 * kMillisecond);
  CHECK(trip.distance() == 40 * kMillisecond);
  CHECK(trip.reach() == 50'000'000);
  trip.settings_acknowledged(141 * kMillisecond);
  CHECK(trip.distance() == 40 * kMillisecond);

  CHECK(trip.may_begin(200 * kMillisecond));
  trip.begin(200 * kMillisecond);
  CHECK_FALSE(trip.may_begin(210 * kMillisecond));
  trip.end(230 * kMillisecond, true);
  CHECK(trip.distance() == 30 * kMillisecond);
  // While windows grow at once, then more and more rarely.
  CHECK(trip.may_begin(230 * kMillisecond));
  Nanos now = 230 * kMillisecond;
  Nanos pause = 0;
  for (int round = 0; round < 10; ++round) {
    trip.begin(now);
    now += 50 * kMillisecond;
    trip.end(now, false);
    CHECK(trip.distance() == 30 * kMillisecond);
    Nanos rest = 0;
    while (!trip.may_begin(now + rest))
      rest += kMillisecond;
    CHECK(rest >= std::max(pause, 30 * kMillisecond));
    pause = rest;
    now += rest;
  }
  CHECK(pause == 1'000 * kMillisecond);
}
