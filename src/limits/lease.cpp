#include "sluice/limits/lease.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::limits {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kLeaseTime = 100 * kMillisecond;
constexpr double kLeaseShare = 20;
constexpr double kLongest = 4e18;  // nanoseconds: more than a century
// Between two asks that found less than they wanted.
constexpr Nanos kApart = kMillisecond;
// An answer that takes longer is not waited for: the node counts by what it knows.
constexpr Nanos kSlow = 25 * kMillisecond;

}  // namespace

std::int64_t Lease::size(const Terms& terms) {
  const double most = std::min(static_cast<double>(terms.burst) / kLeaseShare,
                               static_cast<double>(kLeaseTime) / terms.per_token);
  return std::max<std::int64_t>(static_cast<std::int64_t>(most), 1);
}

Nanos Lease::time_of(double tokens) const {
  return static_cast<Nanos>(std::ceil(std::clamp(tokens * terms_.per_token, 0.0, kLongest)));
}

// What was taken comes back by the terms it was taken under. A smaller burst is not paid for with more than
// itself.
void Lease::pass_time(const Terms& terms, Nanos now) {
  if (now > at_) {
    if (at_ != 0) taken_ = std::max(taken_ - static_cast<double>(now - at_) / terms_.per_token, 0.0);
    at_ = now;
  }
  if (terms.burst != terms_.burst) taken_ = std::min(taken_, static_cast<double>(terms.burst));
  terms_ = terms;
}

// All nodes together owe no more than is there; one that never heard of the bucket takes it for full.
bool Lease::may_owe(std::int64_t more, Reach reach, Nanos now) const {
  const std::int64_t owed = owed_ + told_;
  const double share = (room() + static_cast<double>(owed)) / std::max<double>(reach.nodes, 1);
  const std::int64_t most = std::max(size(terms_), static_cast<std::int64_t>(share));
  return owed + more <= most || (asking_ && now - asked_at_ > kSlow);
}

// What was asked on the connection before is not answered any more.
void Lease::join(Reach reach) {
  remind_ = known_;
  joined_ = reach.joined;
  asking_ = false;
  owed_ = told_ = 0;
  ask_after_ = 0;
}

Lease::Taken Lease::take(const Terms& terms, std::uint64_t tokens, Nanos now, Reach reach) {
  pass_time(terms, now);
  used_ = std::max(used_, now);
  const bool alone = reach.joined == 0;
  if (!alone && joined_ != reach.joined) join(reach);
  const auto wanted = static_cast<std::int64_t>(tokens);
  const std::int64_t missing = std::max<std::int64_t>(wanted - held_, 0);
  const bool there = missing == 0 || room() >= static_cast<double>(missing);
  const bool sure = missing == 0 || alone || may_owe(missing, reach, now);
  Taken out;
  out.passed = there && sure;
  if (out.passed) {
    held_ -= wanted - missing;
    if (!alone) owed_ += missing;
    taken_ += static_cast<double>(missing);
    known_ = true;
  } else {
    if (there) needed_ = wanted;
    out.wait = there ? kApart : time_of(static_cast<double>(missing) - room());
  }
  const double left = static_cast<double>(held_) + std::max(room(), 0.0);
  out.left = std::min(left, static_cast<double>(terms.burst));
  out.full = time_of(taken_ - static_cast<double>(held_));
  return out;
}

void Lease::give_back(std::uint64_t tokens) {
  const auto returned = static_cast<std::int64_t>(tokens);
  const std::int64_t unsaid = std::min(owed_, returned);
  owed_ -= unsaid;
  taken_ = std::max(taken_ - static_cast<double>(unsaid), 0.0);
  if (joined_ != 0) {
    held_ += returned - unsaid;
  } else {
    taken_ = std::max(taken_ - static_cast<double>(returned - unsaid), 0.0);
  }
}

bool Lease::wants_to_ask(Nanos now, Reach reach) const {
  if (asking_ || reach.joined == 0 || joined_ != reach.joined) return false;
  if (owed_ > 0) return true;
  return lacks() * 2 >= size(terms_) && now >= ask_after_;
}

Lease::Ask Lease::ask(Nanos now) {
  asking_ = true;
  asked_at_ = now;
  told_ = std::exchange(owed_, 0);
  const double known = std::max(taken_ - static_cast<double>(told_), 0.0);
  const bool remind = std::exchange(remind_, false);
  const std::int64_t want = lacks();
  needed_ = 0;
  return {terms_, told_, want, remind ? known : 0};
}

Lease::Ask Lease::give_up(Nanos now, Reach reach) {
  if (joined_ != reach.joined) join(reach);
  asking_ = true;
  asked_at_ = now;
  told_ = std::exchange(owed_, 0);
  const double known = std::max(taken_ - static_cast<double>(told_), 0.0);
  const bool remind = std::exchange(remind_, false);
  const std::int64_t back = std::exchange(held_, 0);
  taken_ = std::max(taken_ - static_cast<double>(back), 0.0);
  return {terms_, told_ - back, 0, remind ? known : 0};
}

void Lease::answered(const Answer& answer, Nanos now, Reach reach) {
  if (!asking_ || reach.joined != joined_) return;
  asking_ = false;
  told_ = 0;
  held_ += answer.granted;
  // What was handed out meanwhile is paid with what came: both together would be more than there is.
  const std::int64_t paid = std::min(held_, owed_);
  held_ -= paid;
  owed_ -= paid;
  taken_ = answer.taken + static_cast<double>(owed_);
  at_ = std::max(at_, now);
  known_ = true;
  const bool less = held_ < size(terms_);
  ask_after_ = less ? now + std::max(kApart, time_of(1 - room())) : 0;
}

bool Lease::means_nothing(Nanos now, Reach reach) const {
  const bool current = reach.joined != 0 && joined_ == reach.joined;
  if (current && (asking_ || held_ > 0 || owed_ > 0)) return false;
  return static_cast<double>(now - at_) >= taken_ * terms_.per_token;
}

}  // namespace sluice::limits
