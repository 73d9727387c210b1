// One worker's choice among the servers of one pool: asks the pool's policy about one tier of them after the
// other, until somebody is found.
#pragma once

#include "sluice/upstream/balance/group.hpp"
#include "sluice/upstream/balance/policy.hpp"
#include "sluice/upstream/balance/retry_budget.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace sluice::upstream {

class Balancer {
 public:
  // `group` must live as long as this is used; destroying it needs nothing of the group.
  Balancer(const Group& group, std::uint64_t seed) : group_(&group), seed_(seed) {}

  const Group& group() const { return *group_; }
  const Members& members() const { return group_->members(); }

  // The index of a server for the request, or kNobody when none that is not in `tried` (ids of endpoints) may
  // be asked.
  std::size_t pick(std::span<const std::uint32_t> tried, Nanos now, const Key& key) {
    if (panics(now)) return pick_in_panic(tried, now, key);
    const Candidates primary = candidates(Tier::primary, tried, now);
    // Pools of one server are many, and there is nothing to choose.
    if (primary.size() == 1 && primary.admits(0)) return 0;
    const std::size_t found = policy().pick(primary, key);
    return found != kNobody ? found : pick_reserve(tried, now, key);
  }
  // Whether a client that is bound to it may still go there.
  bool may_stay(std::size_t index, std::span<const std::uint32_t> tried, Nanos now) const;
  // Whether a server that is not in `tried` could take a request, had it room; it may have had none a moment
  // ago and have some now.
  bool waiting_helps(std::span<const std::uint32_t> tried, Nanos now);
  // How many requests they have room for at this moment.
  std::uint64_t room(std::span<const std::uint32_t> tried, Nanos now);

  RetryBudget& retries() { return retries_; }

  // After an exchange with a server: the response head came after `took`, or failed to come or was one that
  // says so. Costs nothing where the policy does not want to know.
  void answered(Endpoint& endpoint, Nanos took, Nanos now) const {
    const BalanceSpec& spec = group_->spec();
    if (spec.kind == BalanceKind::least_time) endpoint.latency().observe(took, now, spec.decay);
  }
  void failed(Endpoint& endpoint, Nanos took, Nanos now) const {
    if (group_->spec().kind == BalanceKind::least_time) endpoint.latency().observe_failure(took, now);
  }

 private:
  Candidates candidates(Tier tier, std::span<const std::uint32_t> tried, Nanos now) const {
    return {group_->members(), tried, now, group_->spec().slow_start, tier};
  }
  Policy& policy() {
    // With the first request: of ten thousand pools most are never asked by most workers.
    if (policy_ == nullptr) policy_ = group_->make_policy(seed_);
    return *policy_;
  }
  std::size_t pick_reserve(std::span<const std::uint32_t> tried, Nanos now, const Key& key);
  std::size_t pick_in_panic(std::span<const std::uint32_t> tried, Nanos now, const Key& key);
  // Asked at every pick while it is so, now and then otherwise.
  bool panics(Nanos now) {
    if (!panic_ && now < look_again_) [[likely]]
      return false;
    return look(now);
  }
  bool look(Nanos now);
  // What all those together have that may be asked at all, and are not in `tried`.
  std::uint64_t total(std::span<const std::uint32_t> tried, Nanos now, std::uint64_t (*of)(const Member&));

  const Group* group_;
  std::uint64_t seed_;
  std::unique_ptr<Policy> policy_;
  RetryBudget retries_;
  Nanos look_again_ = 0;
  bool panic_ = false;
};

}  // namespace sluice::upstream
