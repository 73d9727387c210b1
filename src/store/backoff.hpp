// How long to wait before the next try: longer each time, and not as long as others wait.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/hash.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace sluice::store {

class Backoff {
 public:
  static constexpr Nanos kFirst = 50'000'000;
  static constexpr Nanos kLongest = 5'000'000'000;

  explicit Backoff(std::uint64_t seed) : random_(seed) {}

  // Between half of what it has come to and all of it.
  Nanos next() {
    const Nanos most = std::exchange(next_, std::min(next_ * 2, kLongest));
    return most / 2 + static_cast<Nanos>(random_.next() % static_cast<std::uint64_t>(most / 2 + 1));
  }
  void reset() { next_ = kFirst; }

 private:
  FastRandom random_;
  Nanos next_ = kFirst;
};

}  // namespace sluice::store
