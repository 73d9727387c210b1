// Names that nobody knows, for `check`: a look, not a promise.
#pragma once

#include "sluice/config/load.hpp"
#include "sluice/plan/plan.hpp"

namespace sluice::cli {

// Warns of names of servers that the system's resolver says do not exist. Waits a second at most, and says
// nothing where there is no answer, or where the file names its own DNS servers.
void check_names(const plan::Plan& plan, config::Diagnostics& diagnostics);

}  // namespace sluice::cli
