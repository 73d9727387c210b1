#include "sluice/upstream/balance/balancer.hpp"

#include <algorithm>

namespace sluice::upstream {
namespace {

// How long a worker may take to notice that too few servers are well.
constexpr Nanos kLookEvery = 50'000'000;

bool contains(std::span<const std::uint32_t> tried, const Endpoint& endpoint) {
  return std::find(tried.begin(), tried.end(), endpoint.id()) != tried.end();
}

}  // namespace

std::size_t Balancer::pick_reserve(std::span<const std::uint32_t> tried, Nanos now, const Key& key) {
  if (group_->has_backups()) {
    const std::size_t found = policy().pick(candidates(Tier::backup, tried, now), key);
    if (found != kNobody) return found;
  }
  const std::size_t found = policy().pick(candidates(Tier::last, tried, now), key);
  if (found != kNobody || !look(now)) return found;
  return pick_in_panic(tried, now, key);
}

std::size_t Balancer::pick_in_panic(std::span<const std::uint32_t> tried, Nanos now, const Key& key) {
  if (group_->rules().panic.then == config::PanicThen::refuse) return kNobody;
  return policy().pick(candidates(Tier::panic, tried, now), key);
}

bool Balancer::look(Nanos now) {
  look_again_ = now + kLookEvery;
  panic_ = group_->panics(now);
  return panic_;
}

bool Balancer::may_stay(std::size_t index, std::span<const std::uint32_t> tried, Nanos now) const {
  const Member& member = group_->members()[index];
  return member.has_room() && group_->keeps(index, now) && !contains(tried, *member.endpoint);
}

bool Balancer::any(std::span<const std::uint32_t> tried, Nanos now, bool (*right)(const Member&)) const {
  const config::PanicThen then = group_->rules().panic.then;
  if (panic_ && then == config::PanicThen::refuse) return false;
  const Members& all = group_->members();
  return std::any_of(all.begin(), all.end(), [&](const Member& member) {
    const Condition& condition = member.endpoint->condition();
    const bool takes = panic_ ? condition.duty() == Duty::ready : condition.takes(now, false);
    return takes && right(member) && !contains(tried, *member.endpoint);
  });
}

bool Balancer::waiting_helps(std::span<const std::uint32_t> tried, Nanos now) const {
  return any(tried, now, [](const Member& member) { return member.most_active != 0; });
}

bool Balancer::has_room(std::span<const std::uint32_t> tried, Nanos now) const {
  return any(tried, now, [](const Member& member) { return member.has_room(); });
}

}  // namespace sluice::upstream
