#include "sluice/upstream/balance/policy.hpp"

#include <algorithm>

namespace sluice::upstream {

std::uint32_t ramped(std::uint32_t full, Nanos since, Nanos over) {
  if (since >= over) return full;
  const double part = 0.1 + 0.9 * static_cast<double>(std::max<Nanos>(since, 0)) / static_cast<double>(over);
  return std::max(static_cast<std::uint32_t>(full * part), 1U);
}

}  // namespace sluice::upstream
