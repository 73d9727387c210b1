// What reloads and renewals leave in the process log: one record each, whatever came of them.
#pragma once

#include "sluice/control/steering.hpp"

#include <string>
#include <vector>

namespace sluice::control {

void log_reload(const Outcome& outcome);

// Why the process did not start.
void log_failed_start(const Outcome& outcome);

// Certificate files have changed and cannot be used.
void log_renewal(const std::vector<config::Finding>& errors);

// Why a process that runs `file` is not the one that is meant by `meant`; empty: it is, or none was named.
std::string mistaken(const std::string& meant, const std::string& file);

}  // namespace sluice::control
