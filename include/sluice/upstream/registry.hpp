// Finds what is known of servers and pools again, so that it survives reloads and name resolution. Used by
// the thread that steers alone.
#pragma once

#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/pool_state.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace sluice::upstream {

class Registry {
 public:
  // The same one for the same pool, address and wire, as long as anybody holds it. One that is spoken to in
  // another way from now on is as well as it was.
  std::shared_ptr<Endpoint> get(const std::string& pool, const SocketAddress& address,
                                const std::string& host, const std::shared_ptr<const Wire>& wire);
  std::shared_ptr<PoolState> state(const std::string& pool);

  // What the operator decided about a server (by its name); also for the time when it is configured again, or
  // otherwise.
  void set_duty(const std::string& pool, const std::string& server, Duty duty, Nanos now);

 private:
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> endpoints_;
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> newest_;  // by pool and server
  std::unordered_map<std::string, std::weak_ptr<PoolState>> states_;
  std::unordered_map<std::string, Duty> duties_;  // but `ready`, by pool and server
  std::size_t sweep_at_ = 64;
  std::uint32_t next_id_ = 0;
};

}  // namespace sluice::upstream
