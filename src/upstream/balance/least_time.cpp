#include "sluice/upstream/balance/least_time.hpp"

#include <algorithm>
#include <limits>

namespace sluice::upstream {

// Half of what the fastest one takes: a server without an estimate, or with one that has faded away, is given
// that. It is asked soon, for it looks better than all others, and not by all, for with two requests under
// way it does not any more. (Finagle lets an estimate fade to nothing: who comes back gets everything until
// it answers.) What was observed long ago counts only where there is nothing newer.
float LeastTime::least(const Candidates& candidates) const {
  constexpr float kNone = std::numeric_limits<float>::max();
  float recent = kNone;
  float any = kNone;
  for (std::size_t index = 0; index < candidates.size(); ++index) {
    const Latency::Estimate estimate = candidates.endpoint(index).latency().read(candidates.now);
    if (!estimate.known() || !candidates.admits(index)) continue;
    any = std::min(any, estimate.nanos);
    if (estimate.age <= static_cast<float>(decay_)) recent = std::min(recent, estimate.nanos);
  }
  if (any == kNone) return 1;  // nobody was ever asked: requests under way decide
  return (recent != kNone ? recent : any) / 2;
}

std::size_t LeastTime::pick(const Candidates& candidates, const Key& /*key*/) {
  const std::size_t count = candidates.size();
  const std::size_t start = next_ < count ? next_ : 0;
  const float floor = least(candidates);
  std::size_t best = kNobody;
  float best_cost = 0;
  for (std::size_t step = 0; step < count; ++step) {
    std::size_t index = start + step;
    if (index >= count) index -= count;
    if (!candidates.admits(index)) continue;
    const Endpoint& endpoint = candidates.endpoint(index);
    const Latency::Estimate estimate = endpoint.latency().read(candidates.now);
    const float load =
        (static_cast<float>(endpoint.active()) + 1) / static_cast<float>(candidates.weight(index));
    // e^-x is never less than 1 - x: the exponential is needed only for the few that may still win.
    const float least_left = estimate.nanos * (1 - estimate.age / static_cast<float>(decay_));
    if (best != kNobody && std::max(least_left, floor) * load >= best_cost) continue;
    const float cost = std::max(estimate.faded(decay_), floor) * load;
    if (best == kNobody || cost < best_cost) {
      best = index;
      best_cost = cost;
    }
  }
  if (best != kNobody) next_ = best + 1;
  return best;
}

}  // namespace sluice::upstream
