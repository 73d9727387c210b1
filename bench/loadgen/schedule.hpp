// When requests are due. An open loop's schedule is fixed before the first request and never asks how the
// answers are doing; that is what keeps a slow server from lowering the very load that shows it to be slow.
#pragma once

#include "loadgen/clock.hpp"

#include <cstdint>
#include <functional>

namespace sluice::bench {

constexpr Nanoseconds never = UINT64_MAX;

// A thread's part of the run: requests `first`, `first + step`, …
struct Share {
  std::uint32_t first = 0;
  std::uint32_t step = 1;
};

// When the run begins, when requests begin to count, and when it ends.
struct Times {
  Nanoseconds start = 0;
  Nanoseconds measured_from = 0;
  Nanoseconds end = 0;
};

// When request `index` is due, since the start; never: there is none. Asked in rising order.
using Arrivals = std::function<Nanoseconds(std::uint64_t index)>;

Arrivals even_arrivals(double requests_per_second);
// Independent users: gaps are exponentially distributed. The same sequence in every run.
Arrivals poisson_arrivals(double requests_per_second, Share share);

class Schedule {
 public:
  // Open loop.
  Schedule(const Times& times, Share share, Arrivals arrivals);
  // Closed loop: the next request is due whenever somebody asks.
  Schedule(const Times& times, Share share);

  bool is_closed() const { return !arrivals_; }
  bool exhausted(Nanoseconds time) const { return due(time) >= end_; }
  // Of the next request: when it is to start, which it is, and whether it counts.
  Nanoseconds due(Nanoseconds time) const { return is_closed() ? time : due_; }
  std::uint64_t index() const { return index_; }
  bool is_measured(Nanoseconds due) const { return due >= measured_from_; }
  void issue() {
    index_ += step_;
    look_ahead();
  }

  Nanoseconds end() const { return end_; }
  // Ends the schedule at `time`, if that is earlier; what was due until then stays due.
  void stop(Nanoseconds time) {
    if (time < end_) end_ = time;
  }

  // Issues the rest to nobody, and counts what of it would have been measured.
  std::uint64_t drop_rest();

 private:
  void look_ahead();

  Arrivals arrivals_;
  Nanoseconds start_;
  Nanoseconds measured_from_;
  Nanoseconds end_;
  std::uint64_t index_;
  std::uint32_t step_;
  Nanoseconds due_ = 0;
};

}  // namespace sluice::bench
