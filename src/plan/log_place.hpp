// Where the access log will be written: what can be seen beforehand.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"

namespace sluice::plan {

// Warns, for the directory may come with the service's start, and the user may be another one then.
void check_log(const config::Log& log, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
