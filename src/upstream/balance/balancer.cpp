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
  if (group_->rules().panic.then == PanicThen::refuse) return kNobody;
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

std::uint64_t Balancer::total(std::span<const std::uint32_t> tried, Nanos now,
                              std::uint64_t (*of)(const Member&)) {
  const bool panic = panics(now);  // who comes after others may not have picked since it began, or ended
  if (panic && group_->rules().panic.then == PanicThen::refuse) return 0;
  std::uint64_t sum = 0;
  for (const Member& member : group_->members()) {
    const Condition& condition = member.endpoint->condition();
    const bool takes = panic ? condition.duty() == Duty::ready : condition.takes(now, false);
    if (takes && !contains(tried, *member.endpoint)) sum += of(member);
  }
  return sum;
}

bool Balancer::waiting_helps(std::span<const std::uint32_t> tried, Nanos now) {
  const auto bounded = [](const Member& member) -> std::uint64_t { return member.most_active != 0; };
  return total(tried, now, bounded) != 0;
}

std::uint64_t Balancer::room(std::span<const std::uint32_t> tried, Nanos now) {
  return total(tried, now, [](const Member& member) -> std::uint64_t { return member.room(); });
}

}  // namespace sluice::upstream
