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

Queue::Place::~Place() {
  if (has_turn_) queue_.end_turn(*this);
}

bool Queue::Place::enter(std::uint32_t size, Nanos deadline) {
  deadline_ = deadline;
  return queue_.enter(*this, size);
}

Task<Queue::End> Queue::Place::wait() {
  look_.arm(loop_, std::min(deadline_, loop_.now() + kLookEvery));
  co_await Parked{*this};
  look_.disarm();
  co_return end_;
}

void Queue::Place::on_look(void* self) {
  auto& place = *static_cast<Place*>(self);
  const Nanos now = place.loop_.now();
  if (now >= place.deadline_) return place.finish(End::timed_out);
  place.look_.arm(place.loop_, std::min(place.deadline_, now + kLookEvery));
  place.queue_.look_now_and_then(now);
}

// On the place's own thread. Where a call is on its way already, that counts.
void Queue::Place::finish(End end) {
  if (!queue_.remove(*this)) return;
  end_ = end;
  loop_.wake(waiter_);
}

bool Queue::enter(Place& place, std::uint32_t size) {
  const std::lock_guard lock(mutex_);
  const bool again = place.has_turn_;
  if (!again) {
    if (depth() >= size) return false;
    place.number_ = ++arrivals_;
  }
  auto known = by_tenant_.find(place.tenant_);
  if (known == by_tenant_.end()) {
    const auto lane = lanes_.insert(again ? lanes_.begin() : lanes_.end(), Lane{place.tenant_, {}});
    known = by_tenant_.emplace(lane->tenant, lane).first;
  }
  auto& places = known->second->places;
  auto at = places.end();
  if (again) {
    // Its turn was in vain, so it is still its turn.
    lanes_.splice(lanes_.begin(), lanes_, known->second);
    at = std::find_if(places.begin(), at, [&](const Place* other) { return other->number_ > place.number_; });
  }
  place.at_ = places.insert(at, &place);
  place.waiting_ = true;
  Kind& kind = kinds_[place.kind_];
  ++kind.waiting;
  depth_.fetch_add(1, std::memory_order_relaxed);
  in_line_.fetch_add(1, std::memory_order_seq_cst);
  if (again) {
    kind.in_vain = true;
    more_ = any_kind_may_find();
    turn_is_over(place);
  }
  return true;
}

void Queue::take_out(Place& place, Lanes::iterator lane) {
  place.waiting_ = false;
  lane->places.erase(place.at_);
  if (const auto kind = kinds_.find(place.kind_); --kind->second.waiting == 0) kinds_.erase(kind);
  depth_.fetch_sub(1, std::memory_order_relaxed);
  if (!lane->places.empty()) return;
  by_tenant_.erase(lane->tenant);
  lanes_.erase(lane);
}

bool Queue::remove(Place& place) {
  const std::lock_guard lock(mutex_);
  if (!place.waiting_) return false;
  take_out(place, by_tenant_.find(place.tenant_)->second);
  in_line_.fetch_sub(1, std::memory_order_seq_cst);
  return true;
}

void Queue::freed() {
  const std::lock_guard lock(mutex_);
  room_came_up();
  // Who looks already finds it, or looks once more after it has looked in vain.
  if (looking_ != nullptr) {
    looking_ = nullptr;
  } else {
    call_next();
  }
}

void Queue::look() {
  const std::lock_guard lock(mutex_);
  room_came_up();
  more_ = true;
  if (turns_ == 0) looking_ = call_next();
}

void Queue::end_turn(Place& place) {
  const std::lock_guard lock(mutex_);
  if (!place.served_) more_ = true;
  turn_is_over(place);
}

void Queue::turn_is_over(Place& place) {
  place.has_turn_ = false;
  --turns_;
  in_line_.fetch_sub(1, std::memory_order_seq_cst);
  if (looking_ == &place) looking_ = nullptr;
  // After a call in vain those come first who were called for a place that was freed.
  const bool may = turns_ == 0 || place.served_;
  if (more_ && may && looking_ == nullptr) looking_ = call_next();
}

void Queue::room_came_up() {
  for (auto& [id, kind] : kinds_)
    kind.in_vain = false;
}

bool Queue::any_kind_may_find() const {
  return std::any_of(kinds_.begin(), kinds_.end(), [](const auto& kind) { return !kind.second.in_vain; });
}

Queue::Place* Queue::call_next() {
  if (any_kind_may_find()) {
    for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
      for (Place* const place : lane->places) {
        if (kinds_.find(place->kind_)->second.in_vain) continue;
        call(*place, lane);
        return place;
      }
    }
  }
  more_ = false;
  return nullptr;
}

void Queue::call(Place& place, Lanes::iterator lane) {
  lanes_.splice(lanes_.end(), lanes_, lane);  // its turn is over
  take_out(place, lane);
  place.has_turn_ = true;
  ++turns_;
  place.end_ = End::called;
  // The place lives until its thread has seen this.
  place.loop_.post([&place] { place.loop_.wake(place.waiter_); });
}

void Queue::look_now_and_then(Nanos now) {
  Nanos due = next_look_.load(std::memory_order_relaxed);
  if (now < due) return;
  if (next_look_.compare_exchange_strong(due, now + kLookEvery, std::memory_order_relaxed)) look();
}

}  // namespace sluice::upstream
