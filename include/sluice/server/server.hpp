// All workers and listeners of the process, and how a plan gets to them. Used by the control thread.
#pragma once

#include "sluice/config/load.hpp"
#include "sluice/net/offload.hpp"
#include "sluice/plan/plan.hpp"
#include "sluice/proxy/pipeline.hpp"
#include "sluice/server/admission.hpp"
#include "sluice/server/socket.hpp"
#include "sluice/server/worker.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sluice::server {

struct BoundAddress {
  std::string name;
  SocketAddress address;
};

class Server {
 public:
  // `inherited`: listening descriptors from the service manager; a listener whose address one of them has
  // takes it instead of binding.
  Server(unsigned workers, std::vector<int> inherited, proxy::Pipeline::Dispose dispose);
  ~Server();

  // Makes `runtime` what runs: binds new listeners, then switches every worker, then closes listeners that
  // are gone. Returns when all workers have switched. When a listener cannot be bound, nothing has changed
  // and the errors are in `diagnostics`.
  bool publish(std::shared_ptr<const proxy::Runtime> runtime, config::Diagnostics& diagnostics);

  std::vector<BoundAddress> addresses() const;
  unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
  std::uint32_t open_connections() const { return admission_.open(); }
  // Of all workers.
  const net::Offload& offload() const { return offload_; }

  void drain();
  void abort();
  // Ends the workers' threads, and those of the offload before them.
  void stop();

 private:
  struct Listener {
    std::uint32_t slot;
    std::string name;
    SocketAddress address;
  };

  // What tells whether a listener is the same one as before.
  static std::string key_of(const plan::Listener& listener);
  static std::uint16_t port_of_tls(const plan::Plan& plan, const std::map<std::string, Listener>& bound);
  bool bind(const plan::Listener& listener, ListeningSockets& out, config::Diagnostics& diagnostics);
  template <class F>
  void on_all_workers(F work);

  // Threads that wait for a disk most of the time, and no more work than they do within seconds.
  static constexpr unsigned kOffloadThreads = 4;
  static constexpr std::size_t kOffloadQueued = 1024;

  Admission admission_;
  net::Offload offload_{kOffloadThreads, kOffloadQueued};
  std::vector<int> inherited_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::map<std::string, Listener> listeners_;  // by key
  std::uint32_t next_slot_ = 0;
};

}  // namespace sluice::server
