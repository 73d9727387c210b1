// For what may go wrong again and again: it is told at once, then at growing intervals with a count, and once
// when it is over. However the trouble comes and goes, the log grows by a few lines a minute. Time is told.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace sluice {

// The intervals between two tellings: the first, and the longest that doubling leads to. After as much as the
// longest without trouble it is told at once again.
struct Pace {
  Nanos first = 5'000'000'000;
  Nanos longest = 300'000'000'000;
  std::uint32_t at_once = 1;  // so many are told one by one before there are intervals
};

class Throttle {
 public:
  constexpr Throttle() = default;
  constexpr explicit Throttle(const Pace& pace) : pace_(pace) {}

  // It went wrong. How many times since this was last told, with these, when it is to be told now; else 0.
  std::uint64_t failed(Nanos now, std::uint64_t times = 1) {
    if (now - last_ > pace_.longest) {
      interval_ = 0;
      tellings_ = 0;
    }
    last_ = now;
    untold_ += times;
    return overdue(now);
  }
  // The same of what was kept back, for trouble that lasts without failing anew.
  std::uint64_t overdue(Nanos now) {
    if (untold_ == 0 || now < next()) return 0;
    if (++tellings_ >= pace_.at_once) {
      interval_ = interval_ == 0 ? pace_.first : std::min(interval_ * 2, pace_.longest);
    }
    told_at_ = now;
    told_ = true;
    return std::exchange(untold_, 0);
  }
  // When overdue() tells what is kept back, if anything is.
  Nanos next() const { return interval_ == 0 ? 0 : told_at_ + interval_; }
  // Whether a failure was told since it last went well.
  bool told() const { return told_; }
  // It went well. Whether that is to be told.
  bool recovered() { return std::exchange(told_, false); }

 private:
  Pace pace_;
  Nanos interval_ = 0;  // until it may be told again; 0: at once
  Nanos last_ = 0;
  Nanos told_at_ = 0;
  std::uint64_t untold_ = 0;
  std::uint32_t tellings_ = 0;
  bool told_ = false;
};

}  // namespace sluice
