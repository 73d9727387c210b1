// How long a server takes to answer: a moving average that follows a rise at once and a fall slowly, so that
// a server in trouble is noticed with its first late answer and believed again only after a while. The
// peak-EWMA of Twitter's Finagle (com.twitter.finagle.loadbalancer.PeakEwma), as linkerd uses it.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

namespace sluice::upstream {

// Shared by all workers without a lock. Value and time are one word, so that nobody sees one without the
// other; of two answers at the same instant one may be lost.
class Latency {
 public:
  struct Estimate {
    float nanos = 0;  // as it was when last observed; 0: never
    float age = 0;    // since then, in nanoseconds
    bool known() const { return nanos > 0; }
    // What is left of it: e^(-age/decay). What nobody asks is forgotten, so that somebody asks again.
    float faded(Nanos decay) const { return nanos * std::exp(-age / static_cast<float>(decay)); }
  };

  Estimate read(Nanos now) const {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    const std::uint32_t ticks = ticks_of(now) - static_cast<std::uint32_t>(word);
    // A worker's time may be a turn of its loop behind that of the one that wrote.
    const std::uint32_t age = ticks > kFuture ? 0 : ticks;
    return {std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32)),
            static_cast<float>(age) * static_cast<float>(kTick)};
  }

  // An answer came after `took`.
  void observe(Nanos took, Nanos now, Nanos decay) {
    const float sample = static_cast<float>(std::max(took, kShortest));
    const Estimate before = read(now);
    const float weight = std::exp(-before.age / static_cast<float>(decay));
    const float average = before.nanos * weight + sample * (1 - weight);
    const bool peak = sample > before.nanos;
    // Within a tick only a peak counts: a busy server is not written to more often than its time moves.
    if (before.known() && before.age == 0 && !peak) return;
    store(peak ? sample : average, now);
  }

  // A failure after `took`: it may make an estimate worse and never better, for errors often come fast.
  void observe_failure(Nanos took, Nanos now) {
    const Estimate before = read(now);
    if (before.known()) store(std::max(before.nanos, static_cast<float>(took)), now);
  }

 private:
  static constexpr Nanos kTick = Nanos{1} << 20;      // about a millisecond
  static constexpr std::uint32_t kFuture = 1U << 31;  // 26 days: older than that counts as fresh
  // Time stands still within a turn of the loop, and answers can be as fast as that.
  static constexpr Nanos kShortest = 1000;

  static std::uint32_t ticks_of(Nanos now) { return static_cast<std::uint32_t>(now / kTick); }
  void store(float nanos, Nanos now) {
    word_.store(std::uint64_t{std::bit_cast<std::uint32_t>(nanos)} << 32 | ticks_of(now),
                std::memory_order_relaxed);
  }

  std::atomic<std::uint64_t> word_{0};
};

}  // namespace sluice::upstream
