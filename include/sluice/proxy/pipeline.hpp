// The journey of a request, on one page: see pipeline.cpp. One pipeline per worker.
#pragma once

#include "sluice/base/hash.hpp"
#include "sluice/handler/forward.hpp"
#include "sluice/http/service.hpp"
#include "sluice/limits/holds.hpp"
#include "sluice/limits/state.hpp"
#include "sluice/observe/access_log.hpp"
#include "sluice/observe/totals.hpp"
#include "sluice/plan/plan.hpp"
#include "sluice/upstream/balance/balancer.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace sluice::proxy {

// What is in force: a plan, and the servers its pools had when it was published. Immutable.
struct Runtime {
  std::uint64_t generation = 0;
  std::shared_ptr<const plan::Plan> plan;
  std::vector<std::shared_ptr<const upstream::Group>> groups;  // by pool
  observe::AccessSpec access;
  std::shared_ptr<const limits::Holds> holds = {};  // empty: no tenant is on hold
};

class Pipeline final : public http::Service {
 public:
  // `ended` destroys a connection; `dispose` takes a runtime nobody uses any more to where destroying it
  // delays no request.
  using Ended = std::function<void(http::Connection&)>;
  using Dispose = std::function<void(std::shared_ptr<const Runtime>)>;
  // Its exchanges are counted in `totals`. `limits` outlives it.
  Pipeline(net::Loop& loop, observe::Totals& totals, limits::State& limits, Ended ended, Dispose dispose);
  ~Pipeline();

  // From now on new exchanges use `runtime`; those under way end with the one they began with.
  void publish(std::shared_ptr<const Runtime> runtime);
  // The last call: ends the connections to the servers.
  void close() { connections_.close(); }
  const Runtime& runtime() const { return *current_->runtime; }
  observe::AccessLog& access_log() { return access_log_; }

  // Where redirects to https go: the port that was bound.
  void set_https_port(std::uint16_t port) { https_port_ = port; }
  // Connections name their listener by a slot that stays the same across plans.
  void set_listener(std::uint32_t slot, const plan::Listener& listener);
  const plan::Listener& listener(std::uint32_t slot) const { return listeners_[slot]; }

  http::ServerSettings settings(std::uint32_t listener) override { return listeners_[listener].settings; }
  Task<void> serve(http::Exchange& exchange) override;
  Task<void> refuse(http::Exchange& exchange, const Error& error) override;
  void abused(const http::Connection& connection, http::Abuse reason) override;
  void broken(const http::Connection& connection, Rule rule) override;
  void ended(http::Connection& connection) override { ended_(connection); }

 private:
  // A runtime as this worker holds it: pins are counted without atomics, for nobody else sees them.
  struct Epoch {
    std::shared_ptr<const Runtime> runtime;
    std::vector<upstream::Balancer> balancers;  // by pool
    std::uint32_t pins = 0;
  };
  class Pin {
   public:
    explicit Pin(Pipeline& pipeline) : pipeline_(pipeline), epoch_(pipeline.current_.get()) {
      ++epoch_->pins;
    }
    ~Pin() { release(); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    // Before the end of the exchange, for one that may last.
    void release() {
      if (epoch_ == nullptr) return;
      if (--epoch_->pins == 0 && epoch_ != pipeline_.current_.get()) pipeline_.forget(*epoch_);
      epoch_ = nullptr;
    }
    const plan::Plan& plan() const { return *epoch_->runtime->plan; }
    const limits::Holds* holds() const { return epoch_->runtime->holds.get(); }
    std::uint64_t generation() const { return epoch_->runtime->generation; }
    upstream::Balancer& balancer(std::uint32_t pool) { return epoch_->balancers[pool]; }

   private:
    Pipeline& pipeline_;
    Epoch* epoch_;
  };

  Task<void> travel(http::Exchange& exchange, const plan::Action* refusal);
  static void identify(http::Exchange& exchange, const plan::Plan& plan);
  bool is_banned(http::Exchange& exchange) const;
  bool is_kept_from_tenant(http::Exchange& exchange, const limits::Holds* holds) const;
  const plan::Action* admit(const http::Exchange& exchange, const plan::Plan& plan) const;
  static const plan::Action& route(http::Exchange& exchange, const plan::Plan& plan,
                                   const policy::Chain*& policies);
  static bool keeps_dots(http::Exchange& exchange, const plan::Plan& plan, const plan::Route* route);
  void prepare(http::Exchange& exchange, const plan::Plan& plan) const;
  static bool accept_body(http::Exchange& exchange);
  void answer(http::Exchange& exchange, const plan::Action& action) const;
  Task<Error> respond(http::Exchange& exchange);
  Task<Error> respond_alone(http::Exchange& exchange);
  static void on_departure(void* exchange, http::Departure how);
  static void let_go(http::Exchange& exchange, Pin& pin);
  void account(http::Exchange& exchange);
  void retire_servers(const Runtime& next);
  void forget(Epoch& epoch);

  net::Loop& loop_;
  observe::Totals& totals_;
  limits::State& limits_;
  Ended ended_;
  Dispose dispose_;
  upstream::Connections connections_;
  FastRandom seeds_;  // of balancers
  std::unique_ptr<Epoch> current_;
  std::vector<std::unique_ptr<Epoch>> retired_;  // still pinned
  std::vector<plan::Listener> listeners_;        // by slot
  std::uint16_t https_port_ = 443;
  observe::AccessLog access_log_;
};

}  // namespace sluice::proxy
