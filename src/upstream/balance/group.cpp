#include "sluice/upstream/balance/group.hpp"

#include "sluice/upstream/balance/consistent_hash.hpp"
#include "sluice/upstream/balance/least_connections.hpp"
#include "sluice/upstream/balance/least_time.hpp"
#include "sluice/upstream/balance/round_robin.hpp"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

Group::Group(BalanceSpec spec, Rules rules, Members members, std::shared_ptr<PoolState> state)
    : spec_(std::move(spec)),
      rules_(std::move(rules)),
      members_(std::move(members)),
      state_(std::move(state)),
      has_backups_(std::any_of(members_.begin(), members_.end(), [](const Member& m) { return m.backup; })) {
  if (spec_.kind == BalanceKind::random_two) table_.emplace(members_);
  if (spec_.kind == BalanceKind::hash) names_ = hash_names(members_);
  if (rules_.sticky) sticky_.emplace(members_, state_->name(), rules_.sticky->secret);
}

bool Group::panics(Nanos now) const {
  std::size_t in_duty = 0;
  std::size_t well = 0;
  for (const Member& member : members_) {
    const Condition& condition = member.endpoint->condition();
    if (condition.duty() != Duty::ready) continue;
    ++in_duty;
    if (condition.takes(now, false)) ++well;
  }
  const double share = in_duty == 0 ? 100 : 100.0 * static_cast<double>(well) / static_cast<double>(in_duty);
  const bool panics = share == 0 || share < rules_.panic.below;
  state_->set_panic(panics, rules_.panic.then == PanicThen::all, share);
  return panics;
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
