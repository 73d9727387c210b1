// The same key goes to the same server, as long as that is there and not overloaded: weighted rendezvous
// hashing with bounded loads.
//
// Rendezvous (Thaler, Ravishankar, "Using name-based mappings to increase hit rates", 1998): each server
// draws a number from its name and the key, and the best one wins. With weights the draw is a race: times are
// exponentially distributed with the weight as rate, so that each wins in proportion to it (Schindelhauer,
// Schomaker, "Weighted Distributed Hash Tables", 2005). Why not a ring or Maglev's table: here shares are
// exact for any weights, adding or removing one of N servers moves 1/N of the keys and not one more (Maglev
// moves about twice that), the keys of a server that is down are spread over all others by weight, and a pool
// costs eight bytes per server; a table of 65537 entries for each of ten thousand pools would be a gigabyte.
// The price is a look at every server for a pick, of some nanoseconds each.
//
// Bounded loads (Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2016): no server
// gets more than its share of all requests under way times `bound_percent`/100, rounded up; the next best one
// is asked instead. This is also what protects from clients that choose their keys: whatever they choose, a
// server gets no more than that. The hash need not be secret for it.
//
// A request without a key goes to the server with the fewest requests for its weight.
#pragma once

#include "sluice/upstream/balance/least_connections.hpp"
#include "sluice/upstream/balance/policy.hpp"

#include <span>
#include <vector>

namespace sluice::upstream {

// One hash per member, of its name alone: equal in all processes, whatever order the servers were written in.
std::vector<std::uint64_t> hash_names(const Members& members);

class ConsistentHash final : public Policy {
 public:
  // `names`: hash_names() of the members that will be picked from; outlives this. `bound_percent` 0: no
  // bound.
  ConsistentHash(std::span<const std::uint64_t> names, std::uint32_t bound_percent)
      : names_(names), bound_percent_(bound_percent) {}
  std::size_t pick(const Candidates& candidates, const Key& key) override;

 private:
  double room(const Candidates& candidates) const;

  std::span<const std::uint64_t> names_;
  std::uint32_t bound_percent_;
  LeastConnections without_key_;
};

}  // namespace sluice::upstream
