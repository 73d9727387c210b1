#include "sluice/upstream/condition.hpp"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

std::string_view to_string(Duty duty) {
  switch (duty) {
    case Duty::ready: return "ready";
    case Duty::drain: return "drain";
    case Duty::maintenance: return "maintenance";
  }
  return "";
}

void Condition::set_duty(Duty duty, Nanos now) {
  const Duty before = duty_.exchange(duty, std::memory_order_relaxed);
  if (duty == Duty::ready && before != Duty::ready) recovered(now);
}

void Condition::set_up(bool up, Nanos now) {
  if (up && !this->up()) recovered(now);
  up_.store(up, std::memory_order_relaxed);
}

void Condition::report(CheckReport report) {
  const std::lock_guard lock(mutex_);
  check_ = std::move(report);
}

CheckReport Condition::last_check() const {
  const std::lock_guard lock(mutex_);
  return check_;
}

Nanos Condition::eject(Nanos now, Nanos step, Nanos most, std::string reason) {
  Nanos length = 0;
  {
    const std::lock_guard lock(mutex_);
    strikes_ = now < probation_until_.load(std::memory_order_relaxed) ? strikes_ + 1 : 1;
    length = std::min(step * static_cast<Nanos>(strikes_), most);
    ejection_.reason = std::move(reason);
    ++ejection_.count;
  }
  probation_until_.store(now + 2 * length, std::memory_order_relaxed);
  // It takes traffic again, slowly, from the moment the ejection ends by itself.
  recovered(now + length);
  ejected_until_.store(now + length, std::memory_order_relaxed);
  return length;
}

void Condition::end_ejection(Nanos now) {
  if (!ejected(now)) return;
  recovered(now);
  ejected_until_.store(0, std::memory_order_relaxed);
  probation_until_.store(0, std::memory_order_relaxed);
}

EjectionReport Condition::ejections() const {
  const std::lock_guard lock(mutex_);
  return ejection_;
}

}  // namespace sluice::upstream
