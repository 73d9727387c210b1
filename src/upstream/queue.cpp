#include "sluice/upstream/queue.hpp"

#include <algorithm>

namespace sluice::upstream {

struct Queue::Place::Parked {
  Place& place;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { place.waiter_.handle = handle; }
  void await_resume() const noexcept {}
};

Queue::Place::Place(Queue& queue, net::Loop& loop, std::string_view tenant, const void* kind, Room room)
    : queue_(queue), loop_(loop), tenant_(tenant), kind_(kind), room_(room), look_(&Place::on_look, this) {}

Queue::Place::~Place() {
  if (has_turn_) queue_.end_turn(*this);
}

bool Queue::Place::enter(std::uint32_t size, Nanos deadline) {
  deadline_ = deadline;
  return queue_.enter(*this, size);
}

Task<Queue::End> Queue::Place::wait() {
  queue_.look(room_());  // by now there may be some
  look_.arm(loop_, std::min(deadline_, loop_.now() + queue_.look_every_));
  co_await Parked{*this};
  look_.disarm();
  co_return end_;
}

void Queue::Place::on_look(void* self) {
  auto& place = *static_cast<Place*>(self);
  const Nanos now = place.loop_.now();
  if (now >= place.deadline_) return place.finish(End::timed_out);
  place.look_.arm(place.loop_, std::min(place.deadline_, now + place.queue_.look_every_));
  // Also where it sees none itself: another kind may.
  if (place.queue_.may_look(now)) place.queue_.look(std::max<std::uint64_t>(place.room_(), 1));
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
  place.of_kind_ = &kinds_[place.kind_];
  ++place.of_kind_->waiting;
  depth_.fetch_add(1, std::memory_order_relaxed);
  in_line_.fetch_add(1, std::memory_order_seq_cst);
  if (again) {
    place.of_kind_->in_vain = true;
    turn_is_over(place);
  }
  return true;
}

void Queue::take_out(Place& place, Lanes::iterator lane) {
  place.waiting_ = false;
  lane->places.erase(place.at_);
  if (--place.of_kind_->waiting == 0) kinds_.erase(place.kind_);
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
  // Who looks already finds it, or has found another and then sends the next one to look.
  if (looking_ != nullptr) {
    looking_ = nullptr;
  } else {
    call_next();
  }
}

void Queue::look(std::uint64_t room) {
  if (room == 0) return;
  const std::lock_guard lock(mutex_);
  room_came_up();
  // Each of those who are called already may take a place, and comes before all others; but as one of them
  // may be slow to wake up, the other places are not left empty for that long.
  if (turns_ < room) {
    if (turns_ == 0) send_to_look();
    while (turns_ < room && call_next() != nullptr) {
    }
  } else if (look_after_ == 0) {
    // Or they have taken theirs already. Once as many turns are over, somebody looks.
    look_after_ = turns_;
  }
}

void Queue::end_turn(Place& place) {
  const std::lock_guard lock(mutex_);
  turn_is_over(place);
}

void Queue::turn_is_over(Place& place) {
  place.has_turn_ = false;
  --turns_;
  in_line_.fetch_sub(1, std::memory_order_seq_cst);
  const bool was_looking = looking_ == &place;
  if (was_looking) looking_ = nullptr;
  if (place.served_) {
    if (place.looks_) send_to_look();  // where one place was nobody knew of, there may be more
  } else if (Place* const other = call_next(); other != nullptr) {
    // What it was called for is for somebody else: the same turn, in other hands.
    other->looks_ = place.looks_;
    if (was_looking) looking_ = other;
    return;
  }
  if (look_after_ != 0 && --look_after_ == 0) send_to_look();
}

void Queue::send_to_look() {
  if (looking_ != nullptr) return;
  looking_ = call_next();
  if (looking_ != nullptr) looking_->looks_ = true;
}

void Queue::room_came_up() {
  for (auto& [id, kind] : kinds_)
    kind.in_vain = false;
}

bool Queue::any_kind_may_find() const {
  return std::any_of(kinds_.begin(), kinds_.end(), [](const auto& kind) { return !kind.second.in_vain; });
}

Queue::Place* Queue::call_next() {
  if (!any_kind_may_find()) return nullptr;
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    for (Place* const place : lane->places) {
      if (place->of_kind_->in_vain) continue;
      call(*place, lane);
      return place;
    }
  }
  return nullptr;
}

void Queue::call(Place& place, Lanes::iterator lane) {
  lanes_.splice(lanes_.end(), lanes_, lane);  // its turn is over
  take_out(place, lane);
  place.has_turn_ = true;
  place.looks_ = false;
  ++turns_;
  place.end_ = End::called;
  // The place lives until its thread has seen this.
  place.loop_.post([&place] { place.loop_.wake(place.waiter_); });
}

bool Queue::may_look(Nanos now) {
  Nanos due = next_look_.load(std::memory_order_relaxed);
  return now >= due && next_look_.compare_exchange_strong(due, now + look_every_, std::memory_order_relaxed);
}

}  // namespace sluice::upstream
