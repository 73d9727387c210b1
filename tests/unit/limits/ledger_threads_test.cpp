// Many threads at the ledger at once.
#include "sluice/limits/ledger.hpp"

#include "unit/limits/keys.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;
using namespace sluice::limits::testing;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;
constexpr unsigned kThreads = 4;

template <class Work>
void at_once(Work work) {
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (unsigned i = 0; i < kThreads; ++i)
    threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace

TEST_CASE("from one bucket exactly its burst and its rate pass, however many ask", "[limits]") {
  constexpr std::uint64_t kBurst = 100;
  constexpr int kTurns = 20'000;
  constexpr Nanos kTurn = 1'000'000;
  Ledger ledger;
  const Terms terms = Terms::of(200, kSecond, kBurst);
  const Key key = bounded_key("standard", "acme");
  std::atomic<Nanos> last{0};
  std::atomic<std::uint64_t> passed{0};
  std::atomic<int> turn{0};
  at_once([&](unsigned) {
    for (int at = turn++; at < kTurns; at = turn++) {
      const Nanos now = kStart + at * kTurn;
      if (ledger.take(key, terms, 1, now).passed) ++passed;
    }
  });
  const auto by_rate = static_cast<std::uint64_t>((kTurns - 1) * kTurn / (kSecond / 200));
  // A thread that was interrupted comes late with an early instant, which takes nothing from the others.
  CHECK(passed <= kBurst + by_rate);
  CHECK(passed >= by_rate);
}

TEST_CASE("at one instant exactly the burst passes", "[limits]") {
  constexpr std::uint64_t kBurst = 50'000;
  Ledger ledger;
  const Terms terms = Terms::of(7, 60 * kSecond, kBurst);
  std::atomic<std::uint64_t> passed{0};
  at_once([&](unsigned) {
    std::uint64_t mine = 0;
    for (std::uint64_t i = 0; i < kBurst; ++i) {
      if (!ledger.take(client_key(1), terms, 1, kStart).passed) continue;
      ++mine;
      if (i % 3 != 0) continue;
      ledger.give_back(client_key(1), terms, 1);
      --mine;
    }
    passed += mine;
  });
  while (ledger.take(client_key(1), terms, 1, kStart).passed)
    ++passed;
  CHECK(passed == kBurst);
}

TEST_CASE("everybody who enters leaves, whatever else goes on", "[limits]") {
  constexpr std::uint32_t kMost = 3;
  constexpr std::size_t kKeys = 300;
  Ledger ledger;
  ledger.set_most(1'000);
  const Terms terms = Terms::of(5, kSecond, 5);
  std::vector<std::atomic<std::uint32_t>> inside(kKeys);
  std::atomic<bool> too_many{false};
  at_once([&](unsigned thread) {
    for (std::size_t i = 0; i < 30'000; ++i) {
      const std::size_t at = (i * 7 + thread) % kKeys;
      ledger.take(client_key(thread * 100'000 + i), terms, 1, kStart);
      if (ledger.enter(key_of("flight", std::to_string(at)), kMost).passed) {
        if (++inside[at] > kMost) too_many = true;
        --inside[at];
        ledger.leave(key_of("flight", std::to_string(at)));
      }
      if (thread == 0 && i % 1'000 == 0) ledger.sweep(kStart + kSecond * static_cast<Nanos>(i % 2));
      if (thread == 1 && i % 1'000 == 0) ledger.change({.limits_gone = {tag_of("flight")}}, kStart);
    }
  });
  CHECK_FALSE(too_many);
  ledger.sweep(kStart + 3600 * kSecond);
  CHECK(ledger.size() == 0);
}
