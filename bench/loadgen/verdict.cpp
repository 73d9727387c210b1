#include "loadgen/verdict.hpp"

#include <fmt/format.h>

namespace sluice::bench {

double share_of(Nanoseconds part, Nanoseconds whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::vector<std::string> bottlenecks(const LoadResult& result) {
  constexpr double too_busy = 0.9;
  constexpr Nanoseconds too_late = per_millisecond;
  std::vector<std::string> reasons;
  if (result.tally.measured.sent == 0) return reasons;
  const double busy = share_of(result.cost.busiest, result.cost.elapsed);
  const double waiting = share_of(result.cost.waiting, result.cost.elapsed);
  // Whoever is never at rest would have done more with more.
  if (busy + waiting > too_busy)
    reasons.push_back(fmt::format("a thread of it used {:.0f} % of a processor and waited for one {:.0f} %",
                                  busy * 100, waiting * 100));
  const Nanoseconds lag = result.tally.lag.percentile(99);
  if (lag > too_late)
    reasons.push_back(fmt::format(
        "it started requests up to {:.1f} ms late (p99), waiting for a processor {:.0f} % of the time",
        static_cast<double>(lag) / 1e6, waiting * 100));
  const auto local = result.tally.measured.failures[static_cast<std::size_t>(Failure::local)];
  if (local > 0)
    reasons.push_back(fmt::format("it had no port, descriptor or memory left for {} connections", local));
  return reasons;
}

}  // namespace sluice::bench
