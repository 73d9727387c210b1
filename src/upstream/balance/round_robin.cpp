#include "sluice/upstream/balance/round_robin.hpp"

namespace sluice::upstream {

// Who is not admitted neither gains nor pays: it comes back with the claim it left with, which is less than
// one round, and the others share by weight what it does not take.
std::size_t RoundRobin::pick(const Candidates& candidates, const Key& /*key*/) {
  const std::size_t count = candidates.size();
  std::size_t best = kNobody;
  std::int64_t gained = 0;
  for (std::size_t step = 0; step < count; ++step) {
    std::size_t index = start_ + step;
    if (index >= count) index -= count;
    if (!candidates.admits(index)) continue;
    const std::int64_t weight = candidates.weight(index);
    credit_[index] += weight;
    gained += weight;
    if (best == kNobody || credit_[index] > credit_[best]) best = index;
  }
  if (best != kNobody) credit_[best] -= gained;
  return best;
}

}  // namespace sluice::upstream
