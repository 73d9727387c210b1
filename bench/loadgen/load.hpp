// The open-loop run.
#pragma once

#include "loadgen/options.hpp"
#include "loadgen/tally.hpp"

namespace sluice::bench {

// Runs the load and returns what happened. Throws std::runtime_error when not one connection can be opened.
LoadResult run_load(const LoadOptions& options);

}  // namespace sluice::bench
