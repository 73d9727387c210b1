// Smooth weighted round robin, as nginx has it: every server gains its weight with each pick, and who is
// picked pays what all of them gained. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
#pragma once

#include "sluice/upstream/balance/policy.hpp"

#include <vector>

namespace sluice::upstream {

class RoundRobin final : public Policy {
 public:
  // `seed` chooses who is first among equals, so that workers do not all begin with the same server.
  RoundRobin(std::size_t count, std::uint64_t seed)
      : credit_(count), start_(count == 0 ? 0 : static_cast<std::size_t>(seed % count)) {}
  std::size_t pick(const Candidates& candidates, const Key& key) override;

 private:
  std::vector<std::int64_t> credit_;  // by member; of those admitted, it sums up to nothing
  std::size_t start_;
};

}  // namespace sluice::upstream
