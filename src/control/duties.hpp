// Which servers an operator means.
#pragma once

#include "sluice/control/steering.hpp"
#include "sluice/proxy/pipeline.hpp"

#include <string>
#include <vector>

namespace sluice::control {

// Those of `pool` that are called `server`, by their names in the registry. None: `outcome` says why, and
// which there are.
std::vector<std::string> find_servers(const proxy::Runtime& runtime, const std::string& pool,
                                      const std::string& server, DutyOutcome& outcome);

}  // namespace sluice::control
