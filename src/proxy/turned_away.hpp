// Requests that are answered without a look at what they ask for: of clients that are banned, and to tenants
// that are on hold.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/limits/bans.hpp"
#include "sluice/limits/holds.hpp"

#include <string_view>

namespace sluice::proxy {

// Whether the client is banned, for `tenant` or, where that is empty, for everything. The answer is made
// then.
bool is_banned(http::Exchange& exchange, limits::Bans& bans, std::string_view tenant, Nanos now);

// The same for the exchange's tenant.
bool is_held(http::Exchange& exchange, const limits::Holds& holds, Nanos now);

}  // namespace sluice::proxy
