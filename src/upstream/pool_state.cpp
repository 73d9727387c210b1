#include "sluice/upstream/pool_state.hpp"

#include "sluice/base/clock.hpp"

namespace sluice::upstream {

std::string_view to_string(RetryReason reason) {
  switch (reason) {
    case RetryReason::connect: return "connect";
    case RetryReason::reset: return "reset";
    case RetryReason::timeout: return "timeout";
    case RetryReason::status: return "status";
  }
  return "";
}

void PoolState::set_panic(bool panic, bool open, double share) {
  if (this->panic() == panic || panic_.exchange(panic, std::memory_order_relaxed) == panic) return;
  if (!panic) {
    told_panic_.over("pool {}: enough servers are well again ({:.0f} %)", name_, share);
  } else {
    told_panic_.tell(observe::LogLevel::error, steady_now(),
                     "pool {}: only {:.0f} % of the servers are well: {}", name_, share,
                     open ? "requests go to all of them" : "requests are answered with 503");
  }
}

void PoolState::remind_of_panic() {
  if (!panic()) return;
  told_panic_.remind(observe::LogLevel::error, steady_now(), "pool {}: too few of the servers are well",
                     name_);
}

}  // namespace sluice::upstream
