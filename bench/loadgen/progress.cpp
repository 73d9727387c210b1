#include "loadgen/progress.hpp"

#include <cstdio>
#include <unistd.h>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

bool on_terminal() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace

Progress::Sums Progress::take() const {
  Sums sums;
  for (const auto& worker : workers_) {
    const auto& counters = worker.counters();
    sums.sent += counters.sent.get();
    sums.answered += counters.answered.get();
    sums.failed += counters.failed.get();
    sums.latency += counters.latency.get();
    sums.received += counters.received.get();
  }
  return sums;
}

void Progress::print(Nanoseconds time) {
  const auto sums = take();
  const double seconds = static_cast<double>(time - last_at_) / 1e9;
  const auto answered = sums.answered - last_.answered;
  const double mean_ms =
      answered == 0 ? 0
                    : static_cast<double>(sums.latency - last_.latency) / static_cast<double>(answered) / 1e6;
  fmt::print(stderr,
             "{}{:5.0f} s  {:8.0f} sent/s  {:8.0f} answered/s  mean {:.3f} ms  {:.1f} MiB/s  {} failed{}",
             on_terminal() ? "\r" : "", static_cast<double>(time - start_) / 1e9,
             static_cast<double>(sums.sent - last_.sent) / seconds, static_cast<double>(answered) / seconds,
             mean_ms, static_cast<double>(sums.received - last_.received) / 1048576 / seconds, sums.failed,
             on_terminal() ? "\x1b[K" : "\n");
  (void)std::fflush(stderr);
  last_ = sums;
  last_at_ = time;
}

void Progress::finish() const {
  if (on_terminal()) fmt::print(stderr, "\n");
}

}  // namespace sluice::bench
