// Figures that every report derives from a result.
#pragma once

#include "loadgen/load.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sluice::bench {

inline double milliseconds(Nanoseconds time) { return static_cast<double>(time) / 1e6; }
inline double microseconds(Nanoseconds time) { return static_cast<double>(time) / 1e3; }
inline double seconds(Nanoseconds time) { return static_cast<double>(time) / 1e9; }

// Failures by name, those that occurred.
std::vector<std::pair<std::string, std::uint64_t>> failures_of(const Requests& requests);

// Of the generator, of the server it was told to watch; microseconds of processor time.
double own_cost_per_request(const LoadResult& result);
double server_cost_per_request(const LoadResult& result);

// Complete answers a second.
double answered_rate(const LoadResult& result);

// Requests without a good answer, percent of those scheduled.
double percent_lost(const LoadResult& result);

}  // namespace sluice::bench
