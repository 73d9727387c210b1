// A histogram of durations with three significant digits over the whole range, from nanoseconds to more than
// an hour, in the manner of HdrHistogram: recording is one increment, percentiles are exact to 0.1 %.
#pragma once

#include "loadgen/clock.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace sluice::bench {

class Histogram {
 public:
  Histogram() : counts_(bucket_of(highest) + 1) {}

  void record(Nanoseconds value) {
    ++counts_[bucket_of(std::min(value, highest))];
    ++count_;
    sum_ += value;
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }

  // Adds what another histogram has recorded.
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  Nanoseconds least() const { return count_ == 0 ? 0 : least_; }
  Nanoseconds most() const { return most_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }

  // The smallest value that `percent` of all values do not exceed, rounded up to its bucket's end; 0 without
  // values.
  Nanoseconds percentile(double percent) const;

 private:
  // Values are grouped by their power of two; each group has 1024 buckets of equal width, a step of at most
  // 1/1024 of the value. The first group, below 2048, holds every value exactly.
  static constexpr unsigned digits = 10;
  static constexpr Nanoseconds highest = (Nanoseconds{1} << 42) - 1;

  static std::size_t bucket_of(Nanoseconds value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > digits + 1 ? width - (digits + 1) : 0;
    return (static_cast<std::size_t>(shift) << digits) + (value >> shift);
  }
  static Nanoseconds end_of(std::size_t bucket);

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  Nanoseconds least_ = highest;
  Nanoseconds most_ = 0;
};

}  // namespace sluice::bench
