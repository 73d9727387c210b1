// A run of load.
#pragma once

#include "loadgen/catalogue.hpp"
#include "loadgen/options.hpp"
#include "loadgen/tally.hpp"
#include "loadgen/usage.hpp"

#include <cstdint>

namespace sluice::bench {

struct LoadResult {
  Tally tally;
  Cost cost;                         // within the measured time
  std::uint64_t bytes_received = 0;  // within the measured time
  std::uint64_t lines_skipped = 0;   // of a replayed log
  bool interrupted = false;
};

// Runs the load and returns what happened. Throws std::runtime_error when not one connection can be opened.
LoadResult run_load(const LoadOptions& options, const Catalogue& catalogue);

}  // namespace sluice::bench
