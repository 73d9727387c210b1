// One thread with all it needs to serve: event loop, listeners, pipeline, connections. Workers share nothing
// but the plan, which does not change, and counters.
#pragma once

#include "sluice/http/service.hpp"
#include "sluice/limits/state.hpp"
#include "sluice/net/loop.hpp"
#include "sluice/proxy/pipeline.hpp"
#include "sluice/server/admission.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace sluice::server {

class Worker {
 public:
  // `limits` outlives it.
  Worker(unsigned index, Admission& admission, limits::State& limits, proxy::Pipeline::Dispose dispose);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs `work` on the worker's thread.
  void post(std::function<void()> work) { loop_.post(std::move(work)); }
  // Ends the thread; connections still open are cut. From another thread.
  void stop();

  // What came of its exchanges. From any thread.
  const observe::Totals& totals() const { return totals_; }

  // The rest only from within post().
  proxy::Pipeline& pipeline() { return *pipeline_; }
  void publish(std::shared_ptr<const proxy::Runtime> runtime);
  // Starts accepting on `fd`, which it takes over; other workers may accept on the same socket.
  void listen(std::uint32_t slot, int fd);
  // Takes what waits in the backlog, then closes; connections of that listener end after the request under
  // way, or when its drain time is over.
  void close_listener(std::uint32_t slot);
  // Whether anything here still refers to that slot.
  bool uses(std::uint32_t slot);
  // No new connections; those open end after the request under way.
  void drain();
  // Ends every connection now.
  void abort();

 private:
  class Acceptor;
  class Arrival;
  class Closing;
  template <class Codec>
  class Open;

  void run();
  bool listening(std::uint32_t slot) const;
  Detached arrive(std::uint32_t slot, int fd, SocketAddress peer);
  Task<bool> secure(Arrival& arrival);
  void turn_away(const Arrival& arrival, observe::Turnaway beyond);
  void serve(Arrival& arrival);
  static void on_flush(void* self);

  net::Loop loop_;
  observe::Totals totals_;
  Admission& admission_;
  std::unique_ptr<proxy::Pipeline> pipeline_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Closing>> closing_;  // listeners whose connections are draining
  IntrusiveList<Arrival> arriving_;                // in their TLS handshake
  IntrusiveList<http::Connection> open_;
  net::Deadline flush_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace sluice::server
