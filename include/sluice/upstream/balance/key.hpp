// What of a request decides its server.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/upstream/balance/policy.hpp"
#include "sluice/upstream/balance/spec.hpp"

namespace sluice::upstream {

// Empty where the request has nothing of the kind, or where it is empty: no tenant, no such field or cookie.
// Those requests have nothing in common, and one server would get all of them; a policy with keys spreads
// them by load instead. Of several fields or cookies of the name the first counts; a path is without its
// query. For requests as they are forwarded: fields that were dropped do not count.
Key key_of(const KeySpec& spec, const http::Exchange& exchange);

}  // namespace sluice::upstream
