// From what is written about a pool to the rules that its servers are chosen and treated by.
#pragma once

#include "sluice/config/pool.hpp"
#include "sluice/upstream/balance/spec.hpp"
#include "sluice/upstream/rules.hpp"

namespace sluice::plan {

upstream::BalanceSpec balance_of(const config::Pool& pool);
upstream::Rules rules_of(const config::Pool& pool);

}  // namespace sluice::plan
