#include "sluice/net/loop.hpp"

#include <bit>
#include <cerrno>
#include <cstdlib>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace sluice::net {

void Deadline::arm(Loop& loop, Nanos at) {
  // Linked in a slot that comes by no later than the new instant: the wheel moves it on then.
  if (is_linked() && (at >> DeadlineWheel::kTickShift) >= linked_) {
    at_ = at;
    return;
  }
  unlink();
  loop.wheel().insert(*this, at);
}

void DeadlineWheel::insert(Deadline& deadline, Nanos at) {
  deadline.at_ = at;
  // The slot after the instant's own, so that it has passed when the slot is visited.
  deadline.linked_ = std::max((at >> kTickShift) + 1, tick_ + 1);
  const std::size_t slot = static_cast<std::size_t>(deadline.linked_) % kSlots;
  slots_[slot].push_back(deadline);
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void DeadlineWheel::advance(Nanos now) {
  const std::int64_t target = now >> kTickShift;
  if (target <= tick_) return;
  // After a long sleep one round over all slots sees everything.
  std::int64_t tick = std::max(tick_ + 1, target - static_cast<std::int64_t>(kSlots) + 1);
  tick_ = target;
  for (; tick <= target; ++tick) {
    const std::size_t slot = static_cast<std::size_t>(tick) % kSlots;
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if ((occupied_[slot / 64] & bit) == 0) continue;
    occupied_[slot / 64] &= ~bit;
    visit(slot, now);
  }
}

void DeadlineWheel::visit(std::size_t slot, Nanos now) {
  IntrusiveList<Deadline> due;
  due.splice(due.end(), slots_[slot]);
  while (!due.empty()) {
    Deadline& deadline = due.front();
    deadline.unlink();
    if (deadline.at_ == 0) continue;
    if (deadline.at_ > now) {
      insert(deadline, deadline.at_);
      continue;
    }
    deadline.at_ = 0;
    deadline.fire_(deadline.owner_);
  }
}

int DeadlineWheel::timeout_ms(Nanos now) const {
  const auto first = static_cast<std::size_t>(tick_ + 1) % kSlots;
  for (std::size_t step = 0; step < kSlots;) {
    const std::size_t slot = (first + step) % kSlots;
    const std::uint64_t word = occupied_[slot / 64] >> (slot % 64);
    if (word == 0) {
      step += 64 - slot % 64;
      continue;
    }
    step += static_cast<std::size_t>(std::countr_zero(word));
    const Nanos due = (tick_ + 1 + static_cast<std::int64_t>(step)) << kTickShift;
    return due <= now ? 0 : static_cast<int>((due - now) / 1'000'000 + 1);
  }
  return -1;
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), mailbox_(*this) { wheel_.start_at(now_); }

Loop::~Loop() { ::close(epoll_); }

int Loop::add(Pollable& item, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &item;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int Loop::add_listener(Pollable& item, int fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.ptr = &item;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void Loop::remove(Pollable& item, int fd) {
  forget(item);
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::forget(Pollable& item) {
  for (int i = event_at_ + 1; i < event_count_; ++i) {
    if (events_[i].data.ptr == &item) events_[i].data.ptr = nullptr;
  }
}

void Loop::wake(Waiter& waiter) { ready_.push(waiter); }
void Loop::wake_late(Waiter& waiter) { late_.push(waiter); }

void Loop::resume(Queue& queue) {
  // Only what is queued now: a coroutine that yields must let events in before it goes on.
  Waiter* waiter = std::exchange(queue.head, nullptr);
  queue.tail = &queue.head;
  while (waiter != nullptr) {
    Waiter* next = waiter->next;  // the waiter is gone once its coroutine goes on
    waiter->handle.resume();
    waiter = next;
  }
}

void Loop::dispatch(int count) {
  event_count_ = count;
  for (event_at_ = 0; event_at_ < event_count_; ++event_at_) {
    const epoll_event& event = events_[event_at_];
    if (event.data.ptr != nullptr) static_cast<Pollable*>(event.data.ptr)->on_events(event.events);
  }
  event_count_ = event_at_ = 0;
}

void Loop::run() {
  while (!stopped_) {
    const int timeout = ready_.head != nullptr || late_.head != nullptr ? 0 : wheel_.timeout_ms(now_);
    const int count = ::epoll_wait(epoll_, events_, kBatch, timeout);
    now_ = steady_now();
    if (count > 0) dispatch(count);
    resume(ready_);
    resume(late_);
    wheel_.advance(now_);
  }
}

void Loop::post(std::function<void()> work) { mailbox_.post(std::move(work)); }

Loop::Mailbox::Mailbox(Loop& loop) : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0 || loop.epoll_ < 0 || loop.add(*this, fd_) != 0) std::abort();  // no loop, no program
}

Loop::Mailbox::~Mailbox() { ::close(fd_); }

void Loop::Mailbox::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  const std::uint64_t one = 1;
  // A full counter (EAGAIN) means the loop is already due to wake.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void Loop::Mailbox::on_events(std::uint32_t /*events*/) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(work_);
  }
  for (auto& item : work)
    item();
}

}  // namespace sluice::net
