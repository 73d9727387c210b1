// For what may go wrong again and again: it is told at once, then at growing intervals with a count, and once
// when it is over. However the trouble comes and goes, the log grows by a few lines a minute. Time is told.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace sluice::observe {

class Throttle {
 public:
  // It went wrong. How many times since this was last told, with this one, when it is to be told now; else 0.
  std::uint64_t failed(Nanos now) {
    if (now - last_ > kLongest) interval_ = 0;
    last_ = now;
    ++untold_;
    if (interval_ != 0 && now - told_at_ < interval_) return 0;
    interval_ = interval_ == 0 ? kFirst : std::min(interval_ * 2, kLongest);
    told_at_ = now;
    told_ = true;
    return std::exchange(untold_, 0);
  }
  // It went well. Whether that is to be told: when a failure was told since.
  bool recovered() { return std::exchange(told_, false); }

 private:
  static constexpr Nanos kSecond = 1'000'000'000;
  static constexpr Nanos kFirst = 5 * kSecond;
  static constexpr Nanos kLongest = 300 * kSecond;

  Nanos interval_ = 0;  // until it may be told again; 0: nothing was wrong for long
  Nanos last_ = 0;
  Nanos told_at_ = 0;
  std::uint64_t untold_ = 0;
  bool told_ = false;
};

}  // namespace sluice::observe
