// How much in how much time: the numbers of a token bucket, kept as the generic cell rate algorithm has them
// (ITU-T I.371): a bucket is one instant, the one at which it will be full again.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sluice::limits {

struct Terms {
  double per_token = 0;     // nanoseconds one token takes to come back; 1/1024 at least
  std::uint64_t burst = 1;  // tokens of a full bucket; 1..10^12

  // `count` 1..10^12 tokens come back within `period`.
  static Terms of(std::uint64_t count, Nanos period, std::uint64_t burst) {
    return {std::max(static_cast<double>(period) / static_cast<double>(count), 1.0 / 1024), burst};
  }
  // No more than half of what the clock has: centuries.
  Nanos time_of(std::uint64_t tokens) const {
    constexpr auto kLongest = static_cast<double>(std::numeric_limits<Nanos>::max() / 2);
    return static_cast<Nanos>(std::llround(std::min(per_token * static_cast<double>(tokens), kLongest)));
  }
  // Until an empty bucket is full.
  Nanos depth() const { return time_of(burst); }
  bool operator==(const Terms&) const = default;
};

}  // namespace sluice::limits
