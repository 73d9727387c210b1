// From a plan, and what is known of its names, to the servers that may be asked.
#pragma once

#include "sluice/plan/plan.hpp"
#include "sluice/upstream/balance/balancer.hpp"
#include "sluice/upstream/registry.hpp"

#include "control/names.hpp"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sluice::control {

using Groups = std::vector<std::shared_ptr<const upstream::Group>>;

// Adds the names among the plan's servers.
void add_hosts(const plan::Plan& plan, std::set<std::string>& out);

// One for each pool, with the addresses that are known now. `before`: those of the same plan, or none; where
// nothing has changed they are taken over.
Groups make_groups(const plan::Plan& plan, const Names& names, upstream::Registry& registry,
                   const Groups& before);

}  // namespace sluice::control
