// The process around the workers: signals, timers, the admin address, and the order of starting and stopping.
#pragma once

#include "sluice/control/steering.hpp"

namespace sluice::control {

// Serves until told to stop (TERM, INT). Returns the exit code: 0 after an orderly end, 1 when it could not
// start; the reasons are on stderr by then.
int run(Source source);

}  // namespace sluice::control
