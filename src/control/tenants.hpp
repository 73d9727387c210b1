// The tenants, as an operator speaks of them.
#pragma once

#include "sluice/control/steering.hpp"
#include "sluice/proxy/pipeline.hpp"

#include <string>
#include <string_view>

#include <boost/json/array.hpp>

namespace sluice::control {

// Whether there may be requests for a tenant of that name. `outcome` says what is wrong where not, and warns
// where no more is known of the name than that a host may have it.
bool know_tenant(const plan::Plan& plan, const std::string& name, OrderOutcome& outcome);

// Which tenants are listed.
struct TenantChoice {
  std::string pattern;  // as of file names: "acme-*"; empty: any
  bool held = false;    // only those on hold
};
// As `GET /api/tenants` says it, by name; see docs/operations.md. Those on hold that the configuration does
// not list are listed as well, also where there can be no requests for them any more.
boost::json::array tenants_json(const proxy::Runtime& runtime, const TenantChoice& choice);

}  // namespace sluice::control
