// What is odd about limits, seen with the rest of the document.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"

namespace sluice::plan {

// Warns of limits that nobody has, and of those that cannot do what they seem to.
void check_limits(const config::Document& document, config::Diagnostics& diagnostics);

}  // namespace sluice::plan
