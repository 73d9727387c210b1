// What another configuration means for what limits remember.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/limits/ledger.hpp"

namespace sluice::control {

// Limits that count something else than before are as good as gone: what their buckets say is of no use.
limits::Ledger::Changes limits_change(const config::Document& before, const config::Document& after);

}  // namespace sluice::control
