#include "loadgen/histogram.hpp"

#include <cmath>
#include <functional>

namespace sluice::bench {

void Histogram::merge(const Histogram& other) {
  std::transform(counts_.begin(), counts_.end(), other.counts_.begin(), counts_.begin(), std::plus<>());
  count_ += other.count_;
  sum_ += other.sum_;
  least_ = std::min(least_, other.least_);
  most_ = std::max(most_, other.most_);
}

Nanoseconds Histogram::end_of(std::size_t bucket) {
  const std::size_t group = bucket >> digits;
  const std::size_t shift = group == 0 ? 0 : group - 1;  // the first group is twice as long as the others
  const std::size_t step = bucket - (shift << digits);
  return ((static_cast<Nanoseconds>(step) + 1) << shift) - 1;
}

Nanoseconds Histogram::percentile(double percent) const {
  const auto rank = static_cast<std::uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank && seen > 0) return std::min(end_of(bucket), most_);
  }
  return most_;
}

}  // namespace sluice::bench
