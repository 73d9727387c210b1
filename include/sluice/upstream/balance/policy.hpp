// A policy chooses one server of a pool for one request. Policies are pure: they read what is known of the
// servers, and time is told them. Which servers come into question is not theirs to decide: see Tier.
//
// One instance per worker and pool; none is shared, so that none needs a lock. What is costly to work out and
// does not change is made once for all workers (group.hpp).
#pragma once

#include "sluice/upstream/endpoint.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace sluice::upstream {

// No member: what a policy answers when nobody is admitted.
inline constexpr std::size_t kNobody = SIZE_MAX;

// Who comes into question. They are tried in this order by Balancer, until a policy finds somebody.
enum class Tier : std::uint8_t {
  primary,  // usable servers
  backup,   // usable backup servers
  last,     // those too that rest after a failed connect
  panic,    // everybody but whom the operator took out: too few are well, and the pool fails open
};

// The hash of what decides a request's server; empty where the request has nothing of the kind.
using Key = std::optional<std::uint64_t>;

// Weights are computed with in these units, so that a part of weight 1 is still a number.
inline constexpr std::uint32_t kWeightUnit = 1024;

// `full` on its way up: a tenth at first, all of it `over` after the start, and linear in between, so that
// caches fill and code is compiled before the whole load comes (as HAProxy's slowstart; Envoy's with an
// aggression of 1). At least 1.
std::uint32_t ramped(std::uint32_t full, Nanos since, Nanos over);

// A member's weight at this moment, in units of 1/kWeightUnit: the only place where it is decided.
inline std::uint32_t weight_now(const Member& member, Nanos now, Nanos slow_start) {
  const std::uint32_t full = member.weight * kWeightUnit;
  if (slow_start == 0) [[likely]]
    return full;
  const Nanos start = member.endpoint->condition().recovered_at();
  return start == 0 ? full : ramped(full, now - start, slow_start);
}

// What a policy sees of its pool for one pick.
struct Candidates {
  std::span<const Member> members;
  std::span<const std::uint32_t> tried;  // ids of endpoints that had their chance with this request
  Nanos now;
  Nanos slow_start;
  Tier tier;

  std::size_t size() const { return members.size(); }
  const Endpoint& endpoint(std::size_t index) const { return *members[index].endpoint; }
  std::uint32_t weight(std::size_t index) const { return weight_now(members[index], now, slow_start); }

  // The only place where it is decided who may be picked.
  bool admits(std::size_t index) const {
    const Member& member = members[index];
    const Endpoint& of = *member.endpoint;
    for (const std::uint32_t id : tried) {
      if (id == of.id()) return false;
    }
    if (!member.has_room()) return false;
    switch (tier) {
      case Tier::primary: return !member.backup && of.usable(now);
      case Tier::backup: return member.backup && of.usable(now);
      case Tier::last: return of.condition().takes(now, false);
      case Tier::panic: break;
    }
    return of.condition().duty() == Duty::ready;
  }
};

class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // The index of an admitted member, or kNobody when there is none. `candidates` are of the same members each
  // time.
  virtual std::size_t pick(const Candidates& candidates, const Key& key) = 0;
};

}  // namespace sluice::upstream
