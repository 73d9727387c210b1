// Which policies stand before whose requests, for people.
#pragma once

#include "sluice/plan/plan.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::plan {

struct Guards {
  // All tenants that have set the same, on one route or on all that add nothing.
  struct Line {
    std::string of;
    std::vector<std::string> policies;  // in the order in which a request meets them
  };
  std::vector<Line> lines;   // none where nobody meets any
  std::size_t left_out = 0;  // more lines than `most`
};

Guards guards(const Plan& plan, std::size_t most);

}  // namespace sluice::plan
