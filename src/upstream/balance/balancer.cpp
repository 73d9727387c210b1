#include "sluice/upstream/balance/balancer.hpp"

namespace sluice::upstream {

std::size_t Balancer::pick_reserve(std::span<const std::uint32_t> tried, Nanos now, const Key& key) {
  if (group_->has_backups()) {
    const std::size_t found = policy_->pick(candidates(Tier::backup, tried, now), key);
    if (found != kNobody) return found;
  }
  return policy_->pick(candidates(Tier::last, tried, now), key);
}

}  // namespace sluice::upstream
