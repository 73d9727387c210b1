// What one pool has in common over all workers and all reloads, beside its servers.
#pragma once

#include "sluice/observe/recurring.hpp"
#include "sluice/upstream/outliers.hpp"
#include "sluice/upstream/queue.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::upstream {

// Why a request was sent to another server.
enum class RetryReason : std::uint8_t { connect, reset, timeout, status };
inline constexpr std::size_t kRetryReasons = 4;
std::string_view to_string(RetryReason reason);

class PoolState {
 public:
  explicit PoolState(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  Outliers& outliers() { return outliers_; }
  Queue& queue() { return queue_; }

  // Too few servers are well. The first to find out says so in the log; `share` percent are well.
  void set_panic(bool panic, bool open, double share);
  bool panic() const { return panic_.load(std::memory_order_relaxed); }
  // Says that panic lasts, where it came and went too often to be told when it began.
  void remind_of_panic();

  void count_retry(RetryReason reason) {
    retries_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t retries(RetryReason reason) const {
    return retries_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  const std::string name_;
  Outliers outliers_;
  Queue queue_;
  std::atomic<bool> panic_{false};
  observe::Recurring told_panic_{observe::kStatePace};
  std::array<std::atomic<std::uint64_t>, kRetryReasons> retries_{};
};

}  // namespace sluice::upstream
