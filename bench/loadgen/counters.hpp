// What a thread tells of itself while it runs: written by that thread alone, read by the one that watches.
#pragma once

#include "loadgen/clock.hpp"

#include <atomic>
#include <cstdint>

namespace sluice::bench {

// One writer needs no locked instruction: a load and a store, both relaxed, suffice.
class Counter {
 public:
  void add(std::uint64_t more) { value_.store(get() + more, std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// All since the start of the run, warm-up included. A cache line of its own for each thread.
struct alignas(64) Counters {
  Counter sent;
  Counter answered;
  Counter failed;    // also answers that count as failures
  Counter latency;   // of all answers together, nanoseconds
  Counter received;  // bytes
};

}  // namespace sluice::bench
