#include "sluice/handler/choice.hpp"

#include "handler/sticky_cookie.hpp"

#include <utility>

namespace sluice::handler {

using upstream::kNobody;

Choice::Choice(const http::Exchange& exchange, upstream::Balancer& balancer) : balancer_(balancer) {
  const upstream::BalanceSpec& spec = group().spec();
  if (spec.kind == upstream::BalanceKind::hash) key_ = upstream::key_of(spec.key, exchange);
  if (group().sticky() != nullptr) bound_to_ = bound_server(exchange, group());
}

bool Choice::reserve(Nanos now) {
  // Who waits already comes first.
  if (group().rules().queue && !had_turn_ && group().state()->queue().anybody()) return false;
  for (;;) {
    std::size_t index = bound_to_;
    if (index == kNobody || !balancer_.may_stay(index, tried(), now)) {
      index = balancer_.pick(tried(), now, key_);
    }
    if (index == kNobody) return false;
    next_ = Place::take(group(), index);
    if (next_.taken()) break;  // otherwise another worker was faster
  }
  had_turn_ = true;
  return true;
}

const upstream::Member& Choice::advance() {
  place_ = std::move(next_);
  return group().members()[place_.index()];
}

bool Choice::reserve_other(upstream::RetryReason reason, Nanos now) {
  tried_[tried_count_++] = endpoint().id();
  if (!reserve(now)) return false;
  const upstream::RetryRules& retry = group().rules().retry;
  if (balancer_.retries().take(retry.budget, retry.budget_min, now)) {
    group().state()->count_retry(reason);
    return true;
  }
  next_ = {};
  return false;
}

bool Choice::has_other(Nanos now) {
  tried_[tried_count_++] = endpoint().id();
  const bool found = room(now) != 0;
  --tried_count_;
  return found;
}

}  // namespace sluice::handler
