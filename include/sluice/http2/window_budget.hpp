// Memory of the process that HTTP/2 peers may fill ahead of those who read: what their streams may send
// beyond the first window that each of them has.
//
// Shared by all workers. It is asked only for bodies that turn out large, and then about once in a megabyte.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sluice::http2 {

// Unless configured.
inline constexpr std::int64_t kWindowBudget = 256 * 1024 * 1024;

class WindowBudget {
 public:
  explicit WindowBudget(std::int64_t total) : total_(total), left_(total) {}

  // By one thread at a time. What was given out stays out, so that less than nothing may be left.
  void set_total(std::int64_t total) {
    left_.fetch_add(total - total_.exchange(total, std::memory_order_relaxed), std::memory_order_relaxed);
  }
  // What a stream that holds `held` may hold: no more than a fourth of what is left for others. So each of n
  // comes to hold the (n+4)th part, and a newcomer always finds something.
  std::int64_t share(std::int64_t held) const {
    return std::max<std::int64_t>(0, (left() + held) / (kOthers + 1));
  }
  bool take(std::int64_t bytes) {
    if (left_.fetch_sub(bytes, std::memory_order_relaxed) >= bytes) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::int64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }
  std::int64_t left() const { return left_.load(std::memory_order_relaxed); }
  // For a stream that may never need it: what eight would have, as long as a quarter is left.
  std::int64_t advance() const {
    const std::int64_t total = total_.load(std::memory_order_relaxed);
    return left() > total / 4 ? total / (kOthers + 8) : 0;
  }

 private:
  static constexpr std::int64_t kOthers = 4;

  std::atomic<std::int64_t> total_;
  std::atomic<std::int64_t> left_;
};

// That of the process.
WindowBudget& window_budget();

}  // namespace sluice::http2
