#include "sluice/upstream/registry.hpp"

namespace sluice::upstream {

std::uint32_t EndpointIds::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    if (free_.capacity() <= next_) free_.reserve(std::size_t{next_} * 2 + 64);  // giving back must not fail
    return next_++;
  }
  const std::uint32_t id = free_.back();
  free_.pop_back();
  return id;
}

void EndpointIds::give_back(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  free_.push_back(id);
}

// Its id is free again once nobody holds it: then no worker has a connection to it either, nor opens one.
std::shared_ptr<Endpoint> Registry::make(const std::string& pool, const SocketAddress& address,
                                         const std::string& host, const std::shared_ptr<const Wire>& wire) {
  const auto release = [ids = ids_](const Endpoint* endpoint) {
    const std::uint32_t id = endpoint->id();
    delete endpoint;
    ids->give_back(id);
  };
  return {new Endpoint(pool, address.text(), host, address, wire, ids_->take(), generation_++), release};
}

std::shared_ptr<Endpoint> Registry::get(const std::string& pool, const SocketAddress& address,
                                        const std::string& host, const std::shared_ptr<const Wire>& wire) {
  const std::string server = server_key(pool, address.text());
  // The host counts where TLS asks for it.
  const std::string asked = wire->tls != nullptr ? host : std::string();
  std::weak_ptr<Endpoint>& slot = endpoints_[server + '\n' + asked + '\n' + wire->key];
  if (auto known = slot.lock()) return known;
  auto made = make(pool, address, host, wire);
  if (const auto duty = duties_.find(server); duty != duties_.end()) {
    made->condition().set_duty(duty->second, steady_now());
  }
  std::weak_ptr<Endpoint>& newest = newest_[server];
  if (const auto before = newest.lock()) made->condition().set_up(before->condition().up(), steady_now());
  newest = made;
  slot = made;
  sweep();
  return made;
}

// Now and then, so that registering stays cheap however many there are.
void Registry::sweep() {
  if (size() < sweep_at_) return;
  const auto expired = [](const auto& entry) { return entry.second.expired(); };
  std::erase_if(endpoints_, expired);
  std::erase_if(newest_, expired);
  std::erase_if(states_, expired);
  sweep_at_ = size() * 2 + 64;
}

std::shared_ptr<PoolState> Registry::state(const std::string& pool) {
  std::weak_ptr<PoolState>& slot = states_[pool];
  if (auto known = slot.lock()) return known;
  auto made = std::make_shared<PoolState>(pool);
  slot = made;
  sweep();
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
