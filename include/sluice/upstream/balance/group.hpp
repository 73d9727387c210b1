// The servers of one pool at one time, and how they are treated, with what is worked out for that once for
// all workers. Immutable; made where it delays no request.
#pragma once

#include "sluice/upstream/balance/policy.hpp"
#include "sluice/upstream/balance/random_two.hpp"
#include "sluice/upstream/balance/spec.hpp"
#include "sluice/upstream/balance/sticky.hpp"
#include "sluice/upstream/pool_state.hpp"
#include "sluice/upstream/rules.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace sluice::upstream {

class Group {
 public:
  Group(BalanceSpec spec, Rules rules, Members members, std::shared_ptr<PoolState> state);

  const BalanceSpec& spec() const { return spec_; }
  const Rules& rules() const { return rules_; }
  const Members& members() const { return members_; }
  const std::shared_ptr<PoolState>& state() const { return state_; }
  bool has_backups() const { return has_backups_; }
  // Of its members' cookies; nullptr without `sticky`.
  const StickyNames* sticky() const { return sticky_ ? &*sticky_ : nullptr; }

  // Whether the member can serve clients that are bound to it by a cookie.
  bool keeps(std::size_t index, Nanos now) const {
    const Endpoint& endpoint = *members_[index].endpoint;
    return endpoint.condition().takes(now, true) && !endpoint.resting(now);
  }
  // Whether too few servers are well, of those the operator has not taken out. A change is logged, and shows
  // in the pool's state.
  bool panics(Nanos now) const;

  // A policy of the kind that `spec` names; it must not be used longer than the group lives. `seed`: another
  // for each worker, so that not all make the same choices at the same time.
  std::unique_ptr<Policy> make_policy(std::uint64_t seed) const;

 private:
  BalanceSpec spec_;
  Rules rules_;
  Members members_;
  std::shared_ptr<PoolState> state_;
  bool has_backups_;
  std::optional<AliasTable> table_;   // for random_two
  std::vector<std::uint64_t> names_;  // for hash
  std::optional<StickyNames> sticky_;
};

}  // namespace sluice::upstream
