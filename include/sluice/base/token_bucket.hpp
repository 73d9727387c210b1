// A token bucket without a timer: the generic cell rate algorithm (ITU-T I.371), which keeps one instant
// instead of a count. Holds `burst` tokens when full and refills them evenly over `period`.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice {

class TokenBucket {
 public:
  // burst 1..10^9.
  TokenBucket(std::uint32_t burst, Nanos period)
      : cost_(std::max<Nanos>(period / burst, 1)), most_(cost_ * burst) {}

  // False: not enough are left, and none are taken.
  bool take(Nanos now, std::uint32_t tokens = 1) {
    const Nanos next = std::max(debt_until_, now) + cost_ * tokens;
    if (next - now > most_) return false;
    debt_until_ = next;
    return true;
  }
  void put_back(std::uint32_t tokens = 1) { debt_until_ -= cost_ * tokens; }

 private:
  Nanos cost_;            // time one token takes to come back
  Nanos most_;            // time an empty bucket takes to fill
  Nanos debt_until_ = 0;  // when the bucket is full again
};

}  // namespace sluice
