// Time as the generator counts it.
#pragma once

#include <cstdint>
#include <time.h>

namespace sluice::bench {

using Nanoseconds = std::uint64_t;

constexpr Nanoseconds per_millisecond = 1'000'000;
constexpr Nanoseconds per_second = 1'000'000'000;

// CLOCK_MONOTONIC: what epoll waits by, so that the schedule and the waiting agree.
inline Nanoseconds now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<Nanoseconds>(time.tv_sec) * per_second + static_cast<Nanoseconds>(time.tv_nsec);
}

}  // namespace sluice::bench
