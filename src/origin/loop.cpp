#include "origin/loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <system_error>
#include <unistd.h>

namespace sluice::origin {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  // By default the kernel may wake us 50 us late: a delay is to last as long as it was asked for.
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

Loop::~Loop() { ::close(epoll_); }

void Loop::watch_connection(int fd, Watched& watched) const {
  watch(fd, watched, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void Loop::watch_readable(int fd, Watched& watched) const { watch(fd, watched, EPOLLIN); }

void Loop::watch(int fd, Watched& watched, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watched;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll");
}

void Loop::run_once(Clock::time_point latest) {
  std::array<epoll_event, 256> events;  // NOLINT: filled by the kernel as far as it is read
  const timespec wait = time_until(latest);
  const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
  now_ = Clock::now();
  for (int i = 0; i < count; ++i)
    static_cast<Watched*>(events[static_cast<std::size_t>(i)].data.ptr)
        ->on_events(events[static_cast<std::size_t>(i)].events);
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Sleep* const due = timers_.begin()->second;
    timers_.erase(timers_.begin());
    due->armed_ = false;
    due->sleeper_.resume();
  }
}

timespec Loop::time_until(Clock::time_point latest) const {
  using std::chrono::nanoseconds;
  constexpr nanoseconds longest = std::chrono::minutes(1);
  if (!timers_.empty()) latest = std::min(latest, timers_.begin()->first);
  const auto now = Clock::now();
  const auto wait =
      latest > now + longest ? longest : std::max<nanoseconds>(latest - now, nanoseconds::zero());
  constexpr std::int64_t second = std::nano::den;
  return {static_cast<time_t>(wait.count() / second), static_cast<long>(wait.count() % second)};
}

}  // namespace sluice::origin
