// Weighted least connections: the server with the fewest requests under way for its weight, the one about to
// be added included, so that an idle heavy server comes before an idle light one. Ties go round.
#pragma once

#include "sluice/upstream/endpoint.hpp"

#include <cstdint>
#include <span>

namespace sluice::upstream {

class LeastConnections {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;

  // The index of the pick, or kNone when all members are in `tried`. Members that rest after a failed connect
  // are picked only when nothing else is left.
  std::size_t pick(const Members& members, std::span<const std::uint32_t> tried, Nanos now);

 private:
  std::size_t next_ = 0;  // after the last pick: the first of several equals from here on wins
};

}  // namespace sluice::upstream
