// The directory for what must survive a restart: what can be seen of it beforehand.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"
#include "sluice/plan/plan.hpp"

namespace sluice::plan {

// That it is not there is an error, unlike with the log: most likely its name is mistyped, and who relies on
// it must not find out at the next restart. What may pass, and what the user who asks cannot see, is a
// warning; so is all that befalls the directory of `previous`, the plan that runs: no reload is to wait for
// it.
void check_state(const config::Document& document, const Plan* previous, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
