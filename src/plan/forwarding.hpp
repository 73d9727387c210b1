// From what the top of the file says about forwarding to the rules of http.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"
#include "sluice/http/forwarding.hpp"

namespace sluice::plan {

// What is wrong is added to `diagnostics`.
http::ForwardingRules make_forwarding_rules(const config::Document& document,
                                            config::Diagnostics& diagnostics);

}  // namespace sluice::plan
