// When requests are due. An open loop's schedule is fixed before the first request and never asks how the
// answers are doing; that is what keeps a slow server from lowering the very load that shows it to be slow.
#pragma once

#include "loadgen/clock.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace sluice::bench {

class OpenSchedule {
 public:
  OpenSchedule(Nanoseconds start, double requests_per_second, Nanoseconds warmup, Nanoseconds duration)
      : start_(start),
        measured_from_(start + warmup),
        end_(start + warmup + duration),
        interval_(static_cast<double>(per_second) / requests_per_second),
        first_measured_(count_within(warmup)),
        total_(count_within(warmup + duration)) {}

  bool exhausted() const { return issued_ == total_; }
  // Of the next request: when it is to start, and whether it counts.
  Nanoseconds due() const {
    return start_ + static_cast<Nanoseconds>(static_cast<double>(issued_) * interval_);
  }
  bool is_measured() const { return issued_ >= first_measured_; }
  void issue() { ++issued_; }

  Nanoseconds measured_from() const { return measured_from_; }
  Nanoseconds end() const { return end_; }

  // Ends the schedule at `time`; what was due until then stays due.
  void stop(Nanoseconds time) {
    end_ = std::min(end_, time);
    total_ = std::min(total_, std::max(issued_, count_within(end_ - start_)));
  }

  // Measured requests that were never issued.
  std::uint64_t unissued() const { return total_ - std::min(total_, std::max(issued_, first_measured_)); }

 private:
  std::uint64_t count_within(Nanoseconds time) const {
    return static_cast<std::uint64_t>(std::ceil(static_cast<double>(time) / interval_));
  }

  Nanoseconds start_;
  Nanoseconds measured_from_;
  Nanoseconds end_;
  double interval_;
  std::uint64_t first_measured_;
  std::uint64_t total_;
  std::uint64_t issued_ = 0;
};

}  // namespace sluice::bench
