// How much may go when, by a clock that the test holds.
#include "policy/bandwidth/pacer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using limits::Key;
using limits::Ledger;
using limits::Terms;
using policy::Pacer;

namespace {

constexpr Nanos kMilli = 1'000'000;
constexpr Nanos kSecond = 1'000 * kMilli;
constexpr Nanos kStart = 1'000'000 * kSecond;
constexpr Nanos kTick = 34 * kMilli;  // by which the loop may be late

Terms bytes(std::uint64_t per_second, std::uint64_t burst) { return Terms::of(per_second, kSecond, burst); }

Key key_of(std::uint64_t number) {
  Key out;
  out.high = out.low = number;
  out.limit = 1;
  return out;
}

// A response that always has more to say, and is woken a tick late.
struct Sender {
  explicit Sender(Pacer pacer_of, Nanos start = kStart) : pacer(std::move(pacer_of)), next(start) {}

  void run_until(Nanos end) {
    while (next <= end)
      turn();
  }
  void turn() {
    const Nanos now = next;
    std::uint64_t went = 0;
    while (const std::uint64_t granted = pacer.grant(piece, now)) {
      went += granted;
      REQUIRE(granted <= piece);
    }
    sent += went;
    if (now != kStart) most_at_once = std::max(most_at_once, went);
    ++turns;
    longest_pause = std::max(longest_pause, now - last);
    last = now;
    next = pacer.due() + late;
  }

  Pacer pacer;
  Nanos next;
  Nanos last = kStart;
  Nanos late = kTick;
  std::uint64_t piece = 64 * 1024;
  std::uint64_t sent = 0;
  std::uint64_t most_at_once = 0;
  Nanos longest_pause = 0;
  int turns = 0;
};

Pacer own(Ledger& ledger, const Terms& terms) {
  Pacer out(ledger);
  out.add(terms);
  return out;
}

Pacer shared(Ledger& ledger, std::uint64_t key, const Terms& terms) {
  Pacer out(ledger);
  out.add(key_of(key), terms);
  return out;
}

void run_all(std::vector<Sender>& senders, Nanos end) {
  for (;;) {
    const auto first = std::min_element(senders.begin(), senders.end(),
                                        [](const auto& a, const auto& b) { return a.next < b.next; });
    if (first->next > end) return;
    first->turn();
  }
}

}  // namespace

TEST_CASE("no more goes than burst and rate allow, and no less", "[policy][bandwidth]") {
  struct Case {
    std::uint64_t rate;
    std::uint64_t burst;
  };
  const Case cases[] = {{1, 1},
                        {100, 1},
                        {1024, 1024},
                        {1024, 4 << 20},
                        {1 << 20, 1024},
                        {1 << 20, 1 << 20},
                        {100 << 20, 100 << 20},
                        {1 << 30, 1 << 16},
                        {1 << 30, 1 << 30},
                        {7, 100},
                        {10'000'000, 1}};
  for (const auto& [rate, burst] : cases) {
    CAPTURE(rate, burst);
    for (const bool by_key : {false, true}) {
      Ledger ledger;
      const Terms terms = bytes(rate, burst);
      Sender sender(by_key ? shared(ledger, 1, terms) : own(ledger, terms));
      for (const int seconds : {1, 10, 20}) {
        sender.run_until(kStart + seconds * kSecond);
        const double allowed = static_cast<double>(burst) + static_cast<double>(rate) * seconds;
        CHECK(static_cast<double>(sender.sent) <= allowed + 1);
        // Woken within a fifth of a second, and rounded down to whole bytes.
        CHECK(static_cast<double>(sender.sent) >= allowed - 0.2 * static_cast<double>(rate) -
                                                      static_cast<double>(std::min(burst, rate)) * 0.2 - 2);
        if (static_cast<double>(rate) * seconds > 1e9) break;
      }
    }
  }
}

TEST_CASE("a slow rate flows in small pieces, and wakes nobody for each byte", "[policy][bandwidth]") {
  Ledger ledger;
  Sender sender(own(ledger, bytes(1024, 1024)));
  sender.run_until(kStart + 20 * kSecond);
  CHECK(sender.most_at_once <= 256);
  CHECK(sender.longest_pause <= 200 * kMilli);
  CHECK(sender.turns <= 20 * 11);
}

TEST_CASE("at once goes no more than the burst", "[policy][bandwidth]") {
  Ledger ledger;
  Sender sender(own(ledger, bytes(10'000, 700)));
  sender.turn();
  CHECK(sender.sent == 700);
}

TEST_CASE("a fast rate is asked about in large steps", "[policy][bandwidth]") {
  Ledger ledger;
  Pacer pacer = own(ledger, bytes(1 << 30, 1 << 30));
  CHECK(pacer.grant(64 * 1024, kStart) == 64 * 1024);
}

TEST_CASE("responses with one key share its rate evenly, exactly, and each goes on", "[policy][bandwidth]") {
  constexpr std::uint64_t kRate = 1 << 20;
  for (const std::size_t many : {std::size_t{2}, std::size_t{50}, std::size_t{1000}}) {
    CAPTURE(many);
    Ledger ledger;
    std::vector<Sender> senders;
    for (std::size_t i = 0; i < many; ++i)
      senders.emplace_back(shared(ledger, 1, bytes(kRate, kRate)), kStart + static_cast<Nanos>(i) * kMilli);
    run_all(senders, kStart + 20 * kSecond);
    for (Sender& sender : senders) {  // the burst is whose it was; now it is gone
      sender.sent = 0;
      sender.longest_pause = 0;
    }
    run_all(senders, kStart + 80 * kSecond);
    std::uint64_t all = 0;
    std::uint64_t least = UINT64_MAX;
    std::uint64_t most = 0;
    for (const Sender& sender : senders) {
      all += sender.sent;
      least = std::min(least, sender.sent);
      most = std::max(most, sender.sent);
      CHECK(sender.longest_pause < 10 * kSecond);
    }
    CHECK(all <= 60 * kRate + kRate / 4);
    CHECK(all >= 60 * kRate - kRate / 4);
    CHECK(most - least <= std::max<std::uint64_t>(most / 5, 8192));
  }
}

TEST_CASE("of several buckets the slowest rules, and none is charged for what did not go",
          "[policy][bandwidth]") {
  Ledger ledger;
  const Terms fast = bytes(100'000, 1000);
  Pacer both(ledger);
  both.add(bytes(1000, 1000));
  both.add(key_of(7), fast);
  Sender sender(std::move(both));
  sender.run_until(kStart + 10 * kSecond);
  CHECK(sender.sent <= 11'000);
  CHECK(sender.sent >= 10'500);
  CHECK(ledger.take(key_of(7), fast, 1000, kStart + 11 * kSecond).passed);
}

TEST_CASE("what was taken and did not go is given back", "[policy][bandwidth]") {
  Ledger ledger;
  const Terms terms = bytes(1000, 1000);
  {
    Sender sender(shared(ledger, 1, terms));
    sender.turn();
    CHECK(sender.sent == 1000);
    Pacer other = shared(ledger, 1, terms);
    CHECK(other.grant(1000, kStart) == 0);
    const Pacer moved = std::move(other);
  }
  const auto taken = ledger.take(key_of(1), terms, 1000, kStart + kSecond);
  CHECK(taken.passed);
}

TEST_CASE("who was not kept waiting saves nothing beyond the burst", "[policy][bandwidth]") {
  Ledger ledger;
  Pacer pacer = own(ledger, bytes(1000, 100));
  std::uint64_t sent = 0;
  for (Nanos now = kStart; now < kStart + 10 * kSecond; now += kSecond) {
    std::uint64_t once = 0;
    while (const std::uint64_t granted = pacer.grant(1 << 16, now))
      once += granted;
    CHECK(once <= 100 + 5);
    sent += once;
  }
  CHECK(sent >= 1000);
}
