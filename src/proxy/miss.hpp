// Why no route matched, for the log and for insiders.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/plan/plan.hpp"

namespace sluice::proxy {

// Notes the rule and the details in exchange.record. What is nearest is looked for on behalf of insiders
// only: whoever scans for paths is not worth the time.
void explain_miss(http::Exchange& exchange, const plan::Plan& plan);

}  // namespace sluice::proxy
