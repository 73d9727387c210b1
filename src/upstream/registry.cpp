#include "sluice/upstream/registry.hpp"

namespace sluice::upstream {
std::shared_ptr<Endpoint> Registry::get(const std::string& pool, const SocketAddress& address,
                                        const std::string& host, const std::shared_ptr<const Wire>& wire) {
  const std::string server = server_key(pool, address.text());
  // The host counts where TLS asks for it.
  const std::string asked = wire->tls != nullptr ? host : std::string();
  std::weak_ptr<Endpoint>& slot = endpoints_[server + '\n' + asked + '\n' + wire->key];
  if (auto known = slot.lock()) return known;
  auto made = std::make_shared<Endpoint>(pool, address.text(), host, address, wire, next_id_++);
  if (const auto duty = duties_.find(server); duty != duties_.end()) {
    made->condition().set_duty(duty->second, steady_now());
  }
  std::weak_ptr<Endpoint>& newest = newest_[server];
  if (const auto before = newest.lock()) made->condition().set_up(before->condition().up(), steady_now());
  newest = made;
  slot = made;
  // Now and then, so that registering stays cheap however many there are.
  if (endpoints_.size() >= sweep_at_) {
    const auto expired = [](const auto& entry) { return entry.second.expired(); };
    std::erase_if(endpoints_, expired);
    std::erase_if(newest_, expired);
    sweep_at_ = endpoints_.size() * 2 + 64;
  }
  return made;
}

std::shared_ptr<PoolState> Registry::state(const std::string& pool) {
  std::weak_ptr<PoolState>& slot = states_[pool];
  if (auto known = slot.lock()) return known;
  auto made = std::make_shared<PoolState>(pool);
  slot = made;
  return made;
}

void Registry::set_duty(const std::string& pool, const std::string& server, Duty duty, Nanos now) {
  const std::string key = server_key(pool, server);
  if (duty == Duty::ready) {
    duties_.erase(key);
  } else {
    duties_[key] = duty;
  }
  for (const auto& [name, slot] : endpoints_) {
    const auto endpoint = slot.lock();
    if (endpoint != nullptr && endpoint->pool() == pool && endpoint->name() == server) {
      endpoint->condition().set_duty(duty, now);
    }
  }
}

}  // namespace sluice::upstream
