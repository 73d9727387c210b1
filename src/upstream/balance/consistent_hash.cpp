#include "sluice/upstream/balance/consistent_hash.hpp"

#include "sluice/base/hash.hpp"

#include <cmath>
#include <limits>

namespace sluice::upstream {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

std::vector<std::uint64_t> hash_names(const Members& members) {
  std::vector<std::uint64_t> out;
  out.reserve(members.size());
  for (const Member& member : members)
    out.push_back(hash64(member.endpoint->name()));
  return out;
}

// A server has room while it has fewer requests under way than this for each unit of its weight.
double ConsistentHash::room(const Candidates& candidates) const {
  if (bound_percent_ == 0) return kInfinity;
  std::uint64_t load = 1;  // with the one to come
  std::uint64_t weight = 0;
  for (std::size_t index = 0; index < candidates.size(); ++index) {
    if (!candidates.admits(index)) continue;
    load += candidates.endpoint(index).active();
    weight += candidates.weight(index);
  }
  return static_cast<double>(load) * bound_percent_ / 100 / static_cast<double>(weight);
}

std::size_t ConsistentHash::pick(const Candidates& candidates, const Key& key) {
  if (!key) return without_key_.pick(candidates, key);
  const double most = room(candidates);
  std::size_t best = kNobody;
  std::size_t best_full = kNobody;
  double best_time = kInfinity;
  double best_full_time = kInfinity;
  for (std::size_t index = 0; index < candidates.size(); ++index) {
    const double weight = candidates.weight(index);
    const double draw = static_cast<double>(mix64(names_[index] ^ *key) >> 11) * 0x1p-53;  // [0, 1)
    // The time is -ln(1 - draw) / weight, which is never less than draw / weight: the logarithm is needed
    // only for the few that may still win.
    if (draw >= best_time * weight || !candidates.admits(index)) continue;
    const double time = -std::log1p(-draw) / weight;
    const bool full = candidates.endpoint(index).active() >= most * weight;
    double& least = full ? best_full_time : best_time;
    if (time >= least) continue;
    least = time;
    (full ? best_full : best) = index;
  }
  // All are full only for a moment, while other workers add to what was summed up here.
  return best != kNobody ? best : best_full;
}

}  // namespace sluice::upstream
