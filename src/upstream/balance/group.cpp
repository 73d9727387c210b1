#include "sluice/upstream/balance/group.hpp"

#include "sluice/upstream/balance/consistent_hash.hpp"
#include "sluice/upstream/balance/least_connections.hpp"
#include "sluice/upstream/balance/least_time.hpp"
#include "sluice/upstream/balance/round_robin.hpp"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

Group::Group(BalanceSpec spec, Members members)
    : spec_(std::move(spec)),
      members_(std::move(members)),
      has_backups_(std::any_of(members_.begin(), members_.end(), [](const Member& m) { return m.backup; })) {
  if (spec_.kind == BalanceKind::random_two) table_.emplace(members_);
  if (spec_.kind == BalanceKind::hash) names_ = hash_names(members_);
}

std::unique_ptr<Policy> Group::make_policy(std::uint64_t seed) const {
  switch (spec_.kind) {
    case BalanceKind::round_robin: return std::make_unique<RoundRobin>(members_.size(), seed);
    case BalanceKind::random_two: return std::make_unique<RandomTwo>(*table_, seed);
    case BalanceKind::least_time: return std::make_unique<LeastTime>(spec_.decay);
    case BalanceKind::hash: return std::make_unique<ConsistentHash>(names_, spec_.bound_percent);
    case BalanceKind::least_connections: break;
  }
  return std::make_unique<LeastConnections>();
}

}  // namespace sluice::upstream
