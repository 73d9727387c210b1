#include "sluice/upstream/endpoint.hpp"

#include "sluice/observe/log.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::upstream {

void Endpoint::connect_failed(Nanos now) {
  constexpr Nanos kFirst = 250'000'000;
  constexpr std::uint32_t kMostDoublings = 5;
  if (resting(now)) return;  // one outage, however many requests run into it
  const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed);
  resting_until_.store(now + (kFirst << std::min(failures, kMostDoublings)), std::memory_order_relaxed);
}

void Endpoint::tell_broken(Rule rule, Nanos now) {
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(broken_mutex_);
    count = broken_.failed(now);
  }
  if (count == 0) return;
  observe::log_warn("pool {}: an answer of server {} is refused: {}: {}{}", pool_, name_, to_string(rule),
                    words(rule), count == 1 ? "" : fmt::format(" (and {} before)", count - 1));
}

}  // namespace sluice::upstream
