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

std::shared_ptr<Endpoint> Registry::get(const std::string& pool, const SocketAddress& address,
                                        const std::string& host, const std::shared_ptr<const Wire>& wire) {
  const std::string name = address.text();
  // '\n' stands in neither a name nor an address. The host counts where TLS asks for it.
  const std::string asked = wire->tls != nullptr ? host : std::string();
  std::weak_ptr<Endpoint>& slot = endpoints_[pool + '\n' + name + '\n' + asked + '\n' + wire->key];
  if (auto known = slot.lock()) return known;
  auto made = std::make_shared<Endpoint>(pool, name, host, address, wire, next_id_++);
  slot = made;
  // Now and then, so that registering stays cheap however many there are.
  if (endpoints_.size() >= sweep_at_) {
    std::erase_if(endpoints_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = endpoints_.size() * 2 + 64;
  }
  return made;
}

}  // namespace sluice::upstream
