// How long an answer waits: a fixed time, or one drawn from a distribution that is known to whoever asked.
#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace sluice::origin {

class Delay {
 public:
  using Random = std::mt19937_64;

  Delay() = default;  // none

  // "50ms", "exp:MEAN", "uniform:LEAST,MOST", "lognormal:MEDIAN,SIGMA", "mix:USUAL,OTHER,PERCENT" (so many
  // percent wait for OTHER). Nothing when it makes no sense.
  static std::optional<Delay> parse(std::string_view text);

  std::chrono::nanoseconds draw(Random& random) const;

 private:
  enum class Kind { fixed, exponential, uniform, lognormal, mix };

  Kind kind_ = Kind::fixed;
  double first_ = 0;   // nanoseconds: the time itself, mean, least, median, usual
  double second_ = 0;  // most and other: nanoseconds; sigma
  double share_ = 0;   // of the other, 0 to 1
};

// The delays that answers really had, as this process measured them: what a load generator is compared with.
class DelayRecord {
 public:
  // Keeps the first million.
  void add(std::chrono::nanoseconds delay);

  std::size_t count() const { return delays_.size(); }
  // Exact: the smallest delay that `percent` of all do not exceed. 0 without any.
  std::chrono::nanoseconds percentile(double percent);

 private:
  std::vector<std::chrono::nanoseconds> delays_;
};

}  // namespace sluice::origin
