// All workers and listeners of the process, and how a plan gets to them. Used by the control thread.
#pragma once

#include "sluice/config/load.hpp"
#include "sluice/limits/state.hpp"
#include "sluice/net/offload.hpp"
#include "sluice/plan/plan.hpp"
#include "sluice/proxy/pipeline.hpp"
#include "sluice/server/admission.hpp"
#include "sluice/server/inherited.hpp"
#include "sluice/server/socket.hpp"
#include "sluice/server/worker.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::server {

struct BoundAddress {
  std::string name;
  SocketAddress address;
};

class Server {
 public:
  // `limits` outlives it. `inherited`: from the service manager; a listener whose address some of them have
  // takes those instead of binding.
  Server(unsigned workers, limits::State& limits, InheritedSockets inherited,
         const proxy::Pipeline::Dispose& dispose);
  ~Server();

  // Makes `runtime` what runs: binds new listeners, then switches every worker, then closes listeners that
  // are gone. Returns when all workers have switched. When a listener cannot be bound, nothing has changed
  // and the errors are in `diagnostics`.
  bool publish(const std::shared_ptr<const proxy::Runtime>& runtime, config::Diagnostics& diagnostics);

  std::vector<BoundAddress> addresses() const;
  // Inherited sockets that no listener has the address of.
  std::vector<SocketAddress> unclaimed() const;
  unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
  std::uint32_t open_connections() const { return admission_.open(); }
  // Of all workers.
  const net::Offload& offload() const { return offload_; }
  observe::Totals::Sum totals() const;

  void drain();
  void abort();
  // Ends the workers' threads, and those of the offload before them; removes the files of unix sockets.
  void stop();

 private:
  struct Listener {
    std::uint32_t slot;
    std::string name;
    SocketAddress address;
    SocketFile file;
  };
  using Listeners = std::map<std::string, Listener>;  // by key

  // What tells whether a listener is the same one as before.
  static std::string key_of(const plan::Listener& listener);
  static std::uint16_t port_of_tls(const plan::Plan& plan, const Listeners& bound);
  void bind(const plan::Listener& listener, ListeningSockets& out, config::Diagnostics& diagnostics);
  void switch_over(const std::shared_ptr<const proxy::Runtime>& runtime, const Listeners& next,
                   std::map<std::string, ListeningSockets>& fresh);
  void sweep_slots();
  std::uint32_t take_slot();
  template <class F>
  void on_all_workers(F work);

  // Threads that wait for a disk most of the time, and no more work than they do within seconds.
  static constexpr unsigned kOffloadThreads = 4;
  static constexpr std::size_t kOffloadQueued = 1024;

  Admission admission_;
  net::Offload offload_{kOffloadThreads, kOffloadQueued};
  std::mutex inherited_mutex_;  // drain() waits for no reload
  InheritedSockets inherited_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Listeners listeners_;
  std::uint32_t next_slot_ = 0;
  std::vector<std::uint32_t> retired_slots_;  // of listeners that are gone; connections may still name them
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace sluice::server
