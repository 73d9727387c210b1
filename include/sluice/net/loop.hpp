// The event loop of one worker: epoll, a queue of coroutines that may go on, a deadline wheel, a mailbox.
//
// Everything here belongs to one thread; only post() may be called from another. Descriptors are registered
// once, edge-triggered, for both directions: no epoll_ctl per request (Asio's async_wait makes one per wait).
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/intrusive_list.hpp"

#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <sys/epoll.h>
#include <vector>

namespace sluice::net {

class Loop;

// A coroutine that waits; lives in its frame. It is resumed once, from the loop, never from within the call
// that woke it: whoever wakes need not fear for its own `this`.
struct Waiter {
  std::coroutine_handle<> handle;
  Waiter* next = nullptr;
};

// Something with a descriptor in the loop's epoll set.
class Pollable {
 public:
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;

 protected:
  Pollable() = default;
  virtual ~Pollable() = default;
  // `events` as epoll reports them. May destroy this or any other Pollable.
  virtual void on_events(std::uint32_t events) = 0;
  friend class Loop;
};

// Calls `fire(owner)` once when the instant has passed, up to one tick (34 ms) late. Disarming and moving the
// instant further away cost a store: the wheel finds out when it comes by.
class Deadline : public ListLink {
 public:
  using Fire = void (*)(void* owner);
  Deadline(Fire fire, void* owner) : fire_(fire), owner_(owner) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void arm(Loop& loop, Nanos at);
  void disarm() { at_ = 0; }
  bool armed() const { return at_ != 0; }

 private:
  friend class DeadlineWheel;
  Fire fire_;
  void* owner_;
  Nanos at_ = 0;             // 0: not armed, though perhaps still linked
  std::int64_t linked_ = 0;  // the tick whose slot it is linked in
};

class DeadlineWheel {
 public:
  static constexpr int kTickShift = 25;  // 2^25 ns = 33.6 ms
  static constexpr std::size_t kSlots = 512;

  void insert(Deadline& deadline, Nanos at);
  // Fires what is due at `now`.
  void advance(Nanos now);
  // Milliseconds until the next slot with something in it; -1 when the wheel is empty.
  int timeout_ms(Nanos now) const;
  void start_at(Nanos now) { tick_ = now >> kTickShift; }

 private:
  void visit(std::size_t slot, Nanos now);

  IntrusiveList<Deadline> slots_[kSlots];
  std::uint64_t occupied_[kSlots / 64]{};  // a set bit may stand for a slot emptied since
  std::int64_t tick_ = 0;                  // the last tick visited
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs on the calling thread until stop().
  void run();
  void stop() { stopped_ = true; }  // from the loop's own thread

  // From any thread: `work` runs on the loop's thread, in order. What is posted after the loop ended is
  // destroyed unrun.
  void post(std::function<void()> work);

  // Edge-triggered, both directions. Returns 0 or errno.
  [[nodiscard]] int add(Pollable& item, int fd);
  // Level-triggered, for reading only, waking one of the loops that may share the descriptor.
  [[nodiscard]] int add_listener(Pollable& item, int fd);
  // Before `item` is destroyed. Events already fetched for it are dropped.
  void remove(Pollable& item, int fd);
  // The same where the descriptor is closed next and has no duplicate: the kernel takes it out of the set
  // then.
  void forget(Pollable& item);

  void wake(Waiter& waiter);
  // The same, but behind everything that is ready in this turn: for who gathers what others make.
  void wake_late(Waiter& waiter);
  Nanos now() const { return now_; }
  DeadlineWheel& wheel() { return wheel_; }

  struct [[nodiscard]] Sleep;
  // co_await: goes on when the instant has passed, up to one tick of the wheel late.
  Sleep sleep_until(Nanos at);

  // co_await loop.yield(): lets everything else that is ready go first.
  auto yield() {
    struct Awaiter {
      Loop& loop;
      Waiter waiter{};
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) noexcept {
        waiter.handle = handle;
        loop.wake(waiter);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  class Mailbox final : public Pollable {
   public:
    explicit Mailbox(Loop& loop);
    ~Mailbox() override;
    void post(std::function<void()> work);
    int fd() const { return fd_; }

   private:
    void on_events(std::uint32_t events) override;
    int fd_;
    std::mutex mutex_;
    std::vector<std::function<void()>> work_;
  };

  struct Queue {
    Waiter* head = nullptr;
    Waiter** tail = &head;
    void push(Waiter& waiter) {
      waiter.next = nullptr;
      *tail = &waiter;
      tail = &waiter.next;
    }
  };

  void dispatch(int count);
  static void resume(Queue& queue);

  static constexpr int kBatch = 256;
  int epoll_;
  bool stopped_ = false;
  Nanos now_ = steady_now();
  Queue ready_;
  Queue late_;
  epoll_event events_[kBatch];
  int event_count_ = 0;  // of the batch being dispatched
  int event_at_ = 0;
  DeadlineWheel wheel_;
  Mailbox mailbox_;
};

struct Loop::Sleep {
  Sleep(Loop& loop_of, Nanos until) : loop(loop_of), at(until) {}
  bool await_ready() const noexcept { return at <= loop.now(); }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    deadline.arm(loop, at);
  }
  void await_resume() const noexcept {}
  static void on_due(void* self) {
    auto& sleep = *static_cast<Sleep*>(self);
    sleep.loop.wake(sleep.waiter);
  }

  Loop& loop;
  Nanos at;
  Waiter waiter{};
  Deadline deadline{&Sleep::on_due, this};
};
inline Loop::Sleep Loop::sleep_until(Nanos at) { return {*this, at}; }

}  // namespace sluice::net
