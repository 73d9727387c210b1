#include "loadgen/schedule.hpp"

#include <cmath>
#include <random>
#include <utility>

namespace sluice::bench {

Arrivals even_arrivals(double requests_per_second) {
  return [interval = static_cast<double>(per_second) / requests_per_second](std::uint64_t index) {
    return static_cast<Nanoseconds>(std::llround(static_cast<double>(index) * interval));
  };
}

Arrivals poisson_arrivals(double requests_per_second, Share share) {
  const double each = requests_per_second / share.step;
  return [random = std::mt19937_64(share.first + 1), gap = std::exponential_distribution<double>(each),
          at = 0.0](std::uint64_t) mutable {
    at += gap(random) * static_cast<double>(per_second);
    return static_cast<Nanoseconds>(at);
  };
}

Schedule::Schedule(const Times& times, Share share, Arrivals arrivals)
    : arrivals_(std::move(arrivals)),
      start_(times.start),
      measured_from_(times.measured_from),
      end_(times.end),
      index_(share.first),
      step_(share.step) {
  look_ahead();
}

Schedule::Schedule(const Times& times, Share share) : Schedule(times, share, Arrivals()) {}

void Schedule::look_ahead() {
  if (is_closed()) return;
  const Nanoseconds offset = arrivals_(index_);
  due_ = offset >= never - start_ ? never : start_ + offset;
}

std::uint64_t Schedule::drop_rest() {
  if (is_closed()) return 0;
  std::uint64_t measured = 0;
  for (; due_ < end_; issue())
    measured += is_measured(due_) ? 1 : 0;
  return measured;
}

}  // namespace sluice::bench
