#include "sluice/upstream/endpoint.hpp"

#include <algorithm>

namespace sluice::upstream {

void Endpoint::connect_failed(Nanos now) {
  constexpr Nanos kFirst = 250'000'000;
  constexpr std::uint32_t kMostDoublings = 5;
  if (resting(now)) return;  // one outage, however many requests run into it
  const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed);
  resting_until_.store(now + (kFirst << std::min(failures, kMostDoublings)), std::memory_order_relaxed);
}

}  // namespace sluice::upstream
