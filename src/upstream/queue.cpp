#include "sluice/upstream/queue.hpp"

#include <algorithm>

namespace sluice::upstream {
namespace {

constexpr Nanos kLookEvery = 100'000'000;

}  // namespace

struct Queue::Place::Parked {
  Place& place;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { place.waiter_.handle = handle; }
  void await_resume() const noexcept {}
};

Queue::Place::Place(Queue& queue, net::Loop& loop, std::string_view tenant, const void* kind)
    : queue_(queue), loop_(loop), tenant_(tenant), kind_(kind), look_(&Place::on_look, this) {}

bool Queue::Place::enter(std::uint32_t size, Nanos deadline) {
  deadline_ = deadline;
  return queue_.enter(*this, size);
}

Task<Queue::End> Queue::Place::wait() {
  look_.arm(loop_, std::min(deadline_, loop_.now() + kLookEvery));
  co_await Parked{*this};
  look_.disarm();
  called_before_ = end_ == End::called;
  co_return end_;
}

void Queue::Place::on_look(void* self) {
  auto& place = *static_cast<Place*>(self);
  const Nanos now = place.loop_.now();
  if (now >= place.deadline_) return place.finish(End::timed_out);
  place.look_.arm(place.loop_, std::min(place.deadline_, now + kLookEvery));
  place.queue_.call_now_and_then(now);
}

// On the place's own thread. Where a call is on its way already, that counts.
void Queue::Place::finish(End end) {
  if (!queue_.remove(*this)) return;
  end_ = end;
  loop_.wake(waiter_);
}

bool Queue::enter(Place& place, std::uint32_t size) {
  const std::lock_guard lock(mutex_);
  const bool first = place.called_before_;
  if (!first && depth() >= size) return false;
  auto known = by_tenant_.find(place.tenant_);
  if (known == by_tenant_.end()) {
    const auto lane = lanes_.insert(first ? lanes_.begin() : lanes_.end(), Lane{place.tenant_, {}});
    known = by_tenant_.emplace(lane->tenant, lane).first;
  }
  // Its turn was in vain, so it is still its turn.
  if (first) lanes_.splice(lanes_.begin(), lanes_, known->second);
  auto& places = known->second->places;
  place.at_ = places.insert(first ? places.begin() : places.end(), &place);
  place.waiting_ = true;
  ++kinds_[place.kind_];
  depth_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

void Queue::take_out(Place& place, Lanes::iterator lane) {
  place.waiting_ = false;
  lane->places.erase(place.at_);
  if (const auto kind = kinds_.find(place.kind_); --kind->second == 0) kinds_.erase(kind);
  depth_.fetch_sub(1, std::memory_order_relaxed);
  if (!lane->places.empty()) return;
  by_tenant_.erase(lane->tenant);
  lanes_.erase(lane);
}

bool Queue::remove(Place& place) {
  const std::lock_guard lock(mutex_);
  if (!place.waiting_) return false;
  take_out(place, by_tenant_.find(place.tenant_)->second);
  return true;
}

void Queue::call() {
  const std::lock_guard lock(mutex_);
  if (!lanes_.empty()) call(*lanes_.front().places.front(), lanes_.begin());
}

void Queue::call_another(const void* kind) {
  const std::lock_guard lock(mutex_);
  if (kinds_.empty() || (kinds_.size() == 1 && kinds_.begin()->first == kind)) return;
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    for (Place* const place : lane->places) {
      if (place->kind_ != kind) return call(*place, lane);
    }
  }
}

void Queue::call(Place& place, Lanes::iterator lane) {
  lanes_.splice(lanes_.end(), lanes_, lane);  // its turn is over
  take_out(place, lane);
  place.end_ = End::called;
  // The place lives until its thread has seen this.
  place.loop_.post([&place] { place.loop_.wake(place.waiter_); });
}

void Queue::call_now_and_then(Nanos now) {
  Nanos due = next_look_.load(std::memory_order_relaxed);
  if (now < due) return;
  if (next_look_.compare_exchange_strong(due, now + kLookEvery, std::memory_order_relaxed)) call();
}

}  // namespace sluice::upstream
