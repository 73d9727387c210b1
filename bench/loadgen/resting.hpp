// Places for a request, the longest-resting first: so all connections stay in use, as clients' would.
#pragma once

#include "loadgen/clock.hpp"

#include <cstdint>
#include <vector>

namespace sluice::bench {

class Resting {
 public:
  struct Place {
    std::uint32_t connection;
    Nanoseconds since;
  };

  explicit Resting(std::size_t capacity) : ring_(capacity) {}

  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  void push(Place place) { ring_[(first_ + count_++) % ring_.size()] = place; }
  Place pop() {
    const auto place = ring_[first_];
    first_ = (first_ + 1) % ring_.size();
    --count_;
    return place;
  }

 private:
  std::vector<Place> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

}  // namespace sluice::bench
