#include "sluice/upstream/pool_state.hpp"

#include "sluice/observe/log.hpp"

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
    observe::log_info("pool {}: enough servers are well again ({:.0f} %)", name_, share);
  } else {
    observe::log_error("pool {}: only {:.0f} % of the servers are well: {}", name_, share,
                       open ? "requests go to all of them" : "requests are answered with 503");
  }
}

}  // namespace sluice::upstream
