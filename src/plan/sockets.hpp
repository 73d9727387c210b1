// What can be seen beforehand of the places where `run` will listen.
#pragma once

#include "sluice/plan/plan.hpp"

namespace sluice::plan {

// Looks at the paths of unix sockets, of listeners and of `admin`; what `previous` has listens already. Opens
// and changes nothing.
void check_sockets(const Plan& plan, const Plan* previous, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
