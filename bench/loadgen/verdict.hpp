// Whether what was measured is the server, or the generator.
#pragma once

#include "loadgen/load.hpp"

#include <string>
#include <vector>

namespace sluice::bench {

// Reasons not to believe that what was measured is the server. Empty: none.
std::vector<std::string> bottlenecks(const LoadResult& result);

// `part` of `whole`, 0 where there is no whole.
double share_of(Nanoseconds part, Nanoseconds whole);

}  // namespace sluice::bench
