// How far away the peer is: from our SETTINGS, which it acknowledges at once, and again by PING while large
// bodies move. Small requests are never measured for.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::http2 {

class RoundTrip {
 public:
  void settings_sent(Nanos now) { sent_ = now; }
  void settings_acknowledged(Nanos now) {
    if (distance_ == 0 && !under_way_) learn(now);
  }
  // The least that it ever took; 0: not known.
  Nanos distance() const { return distance_; }
  // What may be under way at 10 Gbit/s, which is faster than nearly anybody; all there is, if nothing is
  // known.
  std::int64_t reach() const { return distance_ == 0 ? INT64_MAX : distance_ + distance_ / 4; }

  bool may_begin(Nanos now) const { return !under_way_ && now >= next_; }
  void begin(Nanos now) {
    sent_ = now;
    under_way_ = true;
  }
  bool under_way() const { return under_way_; }
  // While windows grow one round follows the other; then they become rarer.
  void end(Nanos now, bool grew) {
    under_way_ = false;
    learn(now);
    pause_ = grew ? 0 : std::max(distance_, std::min(pause_ * 2, kLongestPause));
    next_ = now + pause_;
  }

 private:
  static constexpr Nanos kLongestPause = 1'000'000'000;

  void learn(Nanos now) {
    const Nanos took = std::max<Nanos>(now - sent_, 1);
    distance_ = distance_ == 0 ? took : std::min(distance_, took);
  }

  Nanos distance_ = 0;
  Nanos sent_ = 0;
  Nanos next_ = 0;
  Nanos pause_ = 0;
  bool under_way_ = false;
};

}  // namespace sluice::http2
