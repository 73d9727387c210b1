// One line a second while a run lasts.
#pragma once

#include "loadgen/worker.hpp"

#include <cstdint>
#include <deque>

namespace sluice::bench {

class Progress {
 public:
  Progress(const std::deque<Worker>& workers, Nanoseconds start)
      : workers_(workers), last_at_(start), start_(start) {}

  // Prints to stderr what happened since the last time.
  void print(Nanoseconds time);
  // Ends the line on a terminal, where each replaces the one before.
  void finish() const;

 private:
  struct Sums {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t latency = 0;
    std::uint64_t received = 0;
  };
  Sums take() const;

  const std::deque<Worker>& workers_;
  Sums last_;
  Nanoseconds last_at_;
  Nanoseconds start_;
};

}  // namespace sluice::bench
