// The directory for what must survive a restart: what can be seen of it beforehand.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"

namespace sluice::plan {

// An error, unlike with the log: who relies on it must not find out at the next restart.
void check_state(const config::Document& document, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
