// Routes that no request can reach, for another one always comes first.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"

namespace sluice::plan {

void check_unreachable(const config::Document& document, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
