// When to speak of lines that were lost: of the first at once, then at intervals that grow, and once when it
// is over. A value that is told the time.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::observe {

class Losses {
 public:
  static constexpr Nanos kFirstPause = 10'000'000'000;
  static constexpr Nanos kLongestPause = 640'000'000'000;
  // Without a loss it is over: a reader that takes a burst now and then must not fill the other log.
  static constexpr Nanos kCalm = 1'000'000'000;

  // `lines` more are lost. How many that makes since it began, where it is time to say so; else 0.
  std::uint64_t lost(std::uint64_t lines, Nanos now) {
    lines_ += lines;
    last_ = now;
    if (lines_ == 0 || now < quiet_until_) return 0;
    quiet_until_ = now + pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
    return lines_;
  }

  // What is not lost is written. How many were lost before, once it is over; else 0.
  std::uint64_t over(Nanos now) {
    if (lines_ == 0 || now < last_ + kCalm) return 0;
    const std::uint64_t lines = lines_;
    *this = {};
    return lines;
  }

  // When over() should be asked; 0 where nothing was lost.
  Nanos over_at() const { return lines_ == 0 ? 0 : last_ + kCalm; }

 private:
  std::uint64_t lines_ = 0;
  Nanos last_ = 0;
  Nanos quiet_until_ = 0;
  Nanos pause_ = kFirstPause;
};

}  // namespace sluice::observe
