// Time on the data plane: a steady instant in nanoseconds, read once per turn of the event loop and passed
// on, so that a request costs no clock call of its own and a test can move time by hand.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace sluice {

using Nanos = std::int64_t;  // since an arbitrary start (CLOCK_MONOTONIC); differences are what counts

constexpr Nanos nanos(std::chrono::nanoseconds d) { return d.count(); }

inline Nanos steady_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return Nanos{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace sluice
