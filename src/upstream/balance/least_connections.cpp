#include "sluice/upstream/balance/least_connections.hpp"

#include <algorithm>

namespace sluice::upstream {

std::size_t LeastConnections::pick(const Members& members, std::span<const std::uint32_t> tried, Nanos now) {
  const std::size_t count = members.size();
  if (count == 0) return kNone;
  const std::size_t start = next_ < count ? next_ : 0;
  std::size_t best = kNone;
  bool best_rests = true;
  std::uint64_t best_load = 0;
  for (std::size_t step = 0; step < count; ++step) {
    std::size_t index = start + step;
    if (index >= count) index -= count;
    const Endpoint& endpoint = *members[index].endpoint;
    if (std::find(tried.begin(), tried.end(), endpoint.id()) != tried.end()) continue;
    const bool rests = endpoint.resting(now);
    const std::uint64_t load = std::uint64_t{endpoint.active()} + 1;
    // load / weight < best_load / best_weight, without division.
    const bool lighter = best != kNone && load * members[best].weight < best_load * members[index].weight;
    if (best == kNone || (best_rests && !rests) || (best_rests == rests && lighter)) {
      best = index;
      best_rests = rests;
      best_load = load;
    }
  }
  if (best != kNone) next_ = best + 1;
  return best;
}

}  // namespace sluice::upstream
