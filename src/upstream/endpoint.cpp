#include "sluice/upstream/endpoint.hpp"

#include <algorithm>

namespace sluice::upstream {

void Endpoint::connect_failed(Nanos now, const Error& why) {
  constexpr Nanos kFirst = 250'000'000;
  constexpr std::uint32_t kMostDoublings = 5;
  failure_.store(why, std::memory_order_relaxed);
  failed_at_.store(now, std::memory_order_relaxed);
  if (resting(now)) return;  // one outage, however many requests run into it
  const std::uint32_t failures = failures_.fetch_add(1, std::memory_order_relaxed);
  resting_until_.store(now + (kFirst << std::min(failures, kMostDoublings)), std::memory_order_relaxed);
}

void Endpoint::tell_broken(Rule rule, Nanos now) {
  told_broken_.tell(observe::LogLevel::warn, now, "pool {}: an answer of server {} is refused: {}: {}", pool_,
                    name_, to_string(rule), words(rule));
}

std::optional<Endpoint::Unreachable> Endpoint::unreachable() const {
  if (failures_.load(std::memory_order_relaxed) == 0) return std::nullopt;
  return Unreachable{failure_.load(std::memory_order_relaxed), failed_at_.load(std::memory_order_relaxed)};
}

}  // namespace sluice::upstream
