#include "origin/loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <unistd.h>

namespace sluice::origin {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
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
  const int count = ::epoll_wait(epoll_, events.data(), events.size(), wait_milliseconds(latest));
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

int Loop::wait_milliseconds(Clock::time_point latest) const {
  if (!timers_.empty()) latest = std::min(latest, timers_.begin()->first);
  if (latest == Clock::time_point::max()) return -1;
  // Rounded up: rounded down, the loop would spin through the last millisecond.
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 60'000));
}

}  // namespace sluice::origin
