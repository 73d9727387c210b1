// What reloads and renewals leave in the process log: one record each, whatever came of them.
#pragma once

#include "sluice/control/steering.hpp"

#include <vector>

namespace sluice::control {

void log_reload(const Outcome& outcome);

// Why the process did not start.
void log_failed_start(const Outcome& outcome);

// Certificate files have changed and cannot be used.
void log_renewal(const std::vector<config::Finding>& errors);

}  // namespace sluice::control
