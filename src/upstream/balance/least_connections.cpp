#include "sluice/upstream/balance/least_connections.hpp"

namespace sluice::upstream {

std::size_t LeastConnections::pick(const Candidates& candidates, const Key& /*key*/) {
  const std::size_t count = candidates.size();
  const std::size_t start = next_ < count ? next_ : 0;
  std::size_t best = kNobody;
  std::uint64_t best_load = 0;
  std::uint64_t best_weight = 0;
  for (std::size_t step = 0; step < count; ++step) {
    std::size_t index = start + step;
    if (index >= count) index -= count;
    if (!candidates.admits(index)) continue;
    const std::uint64_t load = std::uint64_t{candidates.endpoint(index).active()} + 1;
    const std::uint64_t weight = candidates.weight(index);
    // load / weight < best_load / best_weight, without division.
    if (best == kNobody || load * best_weight < best_load * weight) {
      best = index;
      best_load = load;
      best_weight = weight;
    }
  }
  if (best != kNobody) next_ = best + 1;
  return best;
}

}  // namespace sluice::upstream
