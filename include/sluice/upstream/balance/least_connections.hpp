// Weighted least connections: the server with the fewest requests under way for its weight, the one about to
// be added included, so that an idle heavy server comes before an idle light one. Ties go round.
#pragma once

#include "sluice/upstream/balance/policy.hpp"

namespace sluice::upstream {

class LeastConnections final : public Policy {
 public:
  std::size_t pick(const Candidates& candidates, const Key& key) override;

 private:
  std::size_t next_ = 0;  // after the last pick: the first of several equals from here on wins
};

}  // namespace sluice::upstream
