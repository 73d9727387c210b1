// Finds what is known of servers and pools again, so that it survives reloads and name resolution. Used by
// the thread that steers alone.
#pragma once

#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/pool_state.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::upstream {

// Small numbers for endpoints, by which workers find what they keep for them. One that is given back goes to
// an endpoint to come, so there are no more of them than there were endpoints at one time.
class EndpointIds {
 public:
  std::uint32_t take();
  // Any thread: whoever lets go of an endpoint last.
  void give_back(std::uint32_t id);

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

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

  // What it holds, gone or not: bounded by what there was at one time.
  std::size_t size() const { return endpoints_.size() + newest_.size() + states_.size(); }

 private:
  std::shared_ptr<Endpoint> make(const std::string& pool, const SocketAddress& address,
                                 const std::string& host, const std::shared_ptr<const Wire>& wire);
  void sweep();

  std::unordered_map<std::string, std::weak_ptr<Endpoint>> endpoints_;
  std::unordered_map<std::string, std::weak_ptr<Endpoint>> newest_;  // by pool and server
  std::unordered_map<std::string, std::weak_ptr<PoolState>> states_;
  std::unordered_map<std::string, Duty> duties_;  // but `ready`, by pool and server
  std::size_t sweep_at_ = 64;
  // Shared with the endpoints, which may outlive this.
  std::shared_ptr<EndpointIds> ids_ = std::make_shared<EndpointIds>();
  std::uint32_t generation_ = 0;
};

}  // namespace sluice::upstream
