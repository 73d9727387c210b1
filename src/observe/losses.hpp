// When to speak of lines that were lost: of the first at once, then at intervals that grow, and once when it
// is over. A value that is told the time.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/throttle.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace sluice::observe {

class Losses {
 public:
  static constexpr Nanos kFirstPause = 10'000'000'000;
  static constexpr Nanos kLongestPause = 640'000'000'000;
  // Without a loss it is over: a reader that takes a burst now and then must not fill the other log.
  static constexpr Nanos kCalm = 1'000'000'000;

  // `lines` more are lost. How many that makes since it began, where it is time to say so; else 0.
  std::uint64_t lost(std::uint64_t lines, Nanos now) {
    if (lines == 0) return 0;
    lines_ += lines;
    last_ = now;
    return throttle_.failed(now, lines) != 0 ? lines_ : 0;
  }

  // What is not lost is written. How many were lost before, once it is over; else 0. Losses that were kept
  // back are told when they may be.
  std::uint64_t over(Nanos now) {
    if (lines_ == 0 || now < over_at()) return 0;
    throttle_.overdue(now);
    throttle_.recovered();
    return std::exchange(lines_, 0);
  }

  // When over() should be asked; 0 where nothing was lost.
  Nanos over_at() const {
    if (lines_ == 0) return 0;
    return std::max(last_ + kCalm, throttle_.told() ? 0 : throttle_.next());
  }

 private:
  std::uint64_t lines_ = 0;
  Nanos last_ = 0;
  Throttle throttle_{{kFirstPause, kLongestPause}};
};

}  // namespace sluice::observe
