// What the traffic of one server came to, for Outliers. All workers add to it.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::upstream {

class Record {
 public:
  struct Window {
    std::uint32_t requests;
    std::uint32_t failures;
  };

  // Returns how many failed in a row, this one included.
  std::uint32_t failed() { return in_row_.fetch_add(1, std::memory_order_relaxed) + 1; }
  void passed() {
    if (in_row_.load(std::memory_order_relaxed) != 0) in_row_.store(0, std::memory_order_relaxed);
  }
  void forget_row() { in_row_.store(0, std::memory_order_relaxed); }

  void add(bool failed) {
    requests_.fetch_add(1, std::memory_order_relaxed);
    if (failed) failures_.fetch_add(1, std::memory_order_relaxed);
  }
  // What was added since the last call.
  Window take() {
    return {requests_.exchange(0, std::memory_order_relaxed),
            failures_.exchange(0, std::memory_order_relaxed)};
  }

 private:
  std::atomic<std::uint32_t> in_row_{0};
  std::atomic<std::uint32_t> requests_{0};
  std::atomic<std::uint32_t> failures_{0};
};

}  // namespace sluice::upstream
