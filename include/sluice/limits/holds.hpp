// Tenants that an operator keeps from being served for a while. A set of them is made anew with each change,
// and never changed itself: workers read it as they read a plan.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/text.hpp"

#include <string>
#include <unordered_map>

namespace sluice::limits {

struct Hold {
  Nanos until = 0;          // by the steady clock
  std::string reason = {};  // the operator's
};

using Holds = std::unordered_map<std::string, Hold, TextHash, TextEqual>;  // by tenant

}  // namespace sluice::limits
