// The event loop: one thread, one epoll, and timers that coroutines sleep on.
//
// Connections are registered once, edge-triggered for both directions, and never again: a served request
// costs no epoll_ctl, and a connection whose session looks elsewhere (it sleeps, or reads slowly on purpose)
// cannot make the loop spin.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <ctime>
#include <map>

namespace sluice::origin {

class Loop {
 public:
  using Clock = std::chrono::steady_clock;

  class Watched {
   public:
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Watched() = default;
  };

  // Awaiting it suspends for a while. Destroyed early, it takes its timer along.
  class Sleep {
   public:
    Sleep(Loop& loop, Clock::duration duration) : loop_(loop), duration_(duration) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    ~Sleep() {
      if (armed_) loop_.timers_.erase(timer_);
    }

    bool await_ready() const { return duration_ <= Clock::duration::zero(); }
    void await_suspend(std::coroutine_handle<> who) {
      sleeper_ = who;
      timer_ = loop_.timers_.emplace(Clock::now() + duration_, this);
      armed_ = true;
    }
    void await_resume() const {}

   private:
    friend class Loop;
    Loop& loop_;
    Clock::duration duration_;
    std::coroutine_handle<> sleeper_;
    std::multimap<Clock::time_point, Sleep*>::iterator timer_;
    bool armed_ = false;
  };

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Until the descriptor is closed. Watched objects must outlive the batch in which they are notified.
  void watch_connection(int fd, Watched& watched) const;
  void watch_readable(int fd, Watched& watched) const;

  Sleep sleep(Clock::duration duration) { return {*this, duration}; }

  // Waits for events, at most until `latest`, and delivers one batch of them and every timer that is due.
  void run_once(Clock::time_point latest);

  // The time at which the current batch began.
  Clock::time_point now() const { return now_; }

 private:
  void watch(int fd, Watched& watched, std::uint32_t events) const;
  timespec time_until(Clock::time_point latest) const;

  int epoll_;
  Clock::time_point now_ = Clock::now();
  std::multimap<Clock::time_point, Sleep*> timers_;
};

}  // namespace sluice::origin
