// Which requests a limit counts, and for whom.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/limits/key.hpp"
#include "sluice/policy/limit.hpp"

namespace sluice::policy {

// Whether the limit counts this request at all: it matches, and is not exempt.
bool counts(const Limit& limit, http::Exchange& exchange);

// Makes the key out of a KeyMaker that was made with the limit's name. A part that the request does not have
// counts as empty, and one that a client can write in several ways as what an application makes of it.
limits::Key key_of(const Limit& limit, http::Exchange& exchange, limits::KeyMaker& maker);

}  // namespace sluice::policy
