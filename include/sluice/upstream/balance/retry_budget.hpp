// How many requests may be sent again: retries help while few fail, and bury the servers when all do (Google
// SRE book, "Addressing Cascading Failures"). One per worker and pool; not for several threads.
#pragma once

#include "sluice/base/clock.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sluice::upstream {

class RetryBudget {
 public:
  void count_request(Nanos now) {
    turn(now);
    ++current().requests;
    ++requests_;
  }
  // Whether one more retry stays within `percent` (0..100) of the requests of the last ten seconds, or is
  // among the first `least` of this second.
  bool allows(double percent, std::uint32_t least, Nanos now) {
    turn(now);
    const bool share = static_cast<double>(retries_ + 1) * 100 <= percent * static_cast<double>(requests_);
    return share || current().retries < least;
  }
  // The same, and counts it.
  bool take(double percent, std::uint32_t least, Nanos now) {
    if (!allows(percent, least, now)) return false;
    ++current().retries;
    ++retries_;
    return true;
  }

 private:
  static constexpr std::size_t kSeconds = 10;
  static constexpr Nanos kSecond = 1'000'000'000;
  struct Second {
    std::uint32_t requests = 0;
    std::uint32_t retries = 0;
  };

  Second& current() { return seconds_[static_cast<std::size_t>(at_) % kSeconds]; }
  // Forgets the seconds that have passed out of the window.
  void turn(Nanos now) {
    const Nanos second = now / kSecond;
    at_ = std::max(at_, second - static_cast<Nanos>(kSeconds));
    while (at_ < second) {
      ++at_;
      requests_ -= current().requests;
      retries_ -= current().retries;
      current() = {};
    }
  }

  std::array<Second, kSeconds> seconds_{};
  Nanos at_ = 0;  // the second of current()
  std::uint64_t requests_ = 0;
  std::uint64_t retries_ = 0;
};

}  // namespace sluice::upstream
