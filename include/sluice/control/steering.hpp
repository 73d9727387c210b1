// The one place from which the running process is changed: loading, publishing, renewing, draining. All of it
// happens on a thread of its own, one thing at a time, while workers serve and the admin address answers.
#pragma once

#include "sluice/control/moment.hpp"
#include "sluice/limits/state.hpp"
#include "sluice/observe/metrics.hpp"
#include "sluice/observe/recurring.hpp"
#include "sluice/plan/plan.hpp"
#include "sluice/proxy/pipeline.hpp"
#include "sluice/server/server.hpp"
#include "sluice/store/client.hpp"
#include "sluice/upstream/health/checker.hpp"
#include "sluice/upstream/registry.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::control {

class Names;
class Orders;

// Where the configuration comes from: a file, or the command line of `sluice proxy`.
struct Source {
  std::function<config::Document(config::Diagnostics&)> load;
  std::string file = {};  // its absolute path; empty: there is none
};

struct Outcome {
  bool applied = false;
  std::uint64_t generation = 0;         // what runs now
  std::vector<config::Finding> errors;  // when refused
  std::vector<config::Finding> warnings;
  std::string file = {};  // as Source::file
};

// What became of an operator's word about a server.
struct DutyOutcome {
  std::string error;  // empty: it is done
  std::string hint;
};

// What an operator orders about a tenant or a client.
struct Order {
  enum class Verb : std::uint8_t { hold, release, ban, lift };
  Verb verb = Verb::hold;
  std::string tenant = {};  // of a ban: empty for all
  AddressBlock block = {};  // of a ban
  UnixMs until = 0;         // of what lasts
  std::string reason = {};
  bool force = false;  // ban, although that looks like a mistake
};

// And what became of that.
struct OrderOutcome {
  unsigned status = 200;  // as HTTP says it
  std::string error = {};
  std::string hint = {};
  std::vector<std::string> warnings = {};
  std::string reason = {};   // of what lasts
  bool reason_kept = false;  // it is that of the order before, for this one gave none
};

class Steering {
 public:
  Steering(Source source, server::InheritedSockets inherited);
  ~Steering();

  // These queue the work and return; `done` is called on the steering thread.

  // Loads, binds and starts serving. The first of all.
  void start(std::function<void(const Outcome&)> done);
  // `meant`: the file that whoever asks takes for ours, by its absolute path; refused where it is another.
  void reload(std::function<void(const Outcome&)> done, std::string meant = {});
  // Certificate files that changed are read again; a broken one changes nothing.
  void renew_certificates();
  // Opens the access log anew (after logrotate has moved it).
  void reopen_logs();
  // What the operator decides about a server of a pool that runs, called by its address or, all of them that
  // have it, by the name that the file has.
  void set_duty(std::string pool, std::string server, upstream::Duty duty,
                const std::function<void(const DutyOutcome&)>& done);

  // What is acknowledged is in force on every worker and, where there is a state directory, on the disk.
  void give_order(Order order, const std::function<void(const OrderOutcome&)>& done);

  // These act at once, on the calling thread.

  // What a start or a reload under way still waits for is not waited for, and no other one is applied.
  void give_up();
  void rotate_ticket_keys();
  // Tells of pools with too few servers that are well, also where nobody asks them.
  void look_after_pools();
  // Ends bans and holds whose time is over.
  void look_after_orders();
  // Forgets what limits need not remember. On the steering thread.
  void sweep_limits();
  void drain();
  void abort();
  void stop();

  // Once it has started.
  const config::Document& first_document() const { return *first_document_; }
  // On the steering thread, or where nothing else happens there.
  std::vector<server::BoundAddress> addresses() const;
  // Inherited sockets that no listener has the address of.
  std::vector<SocketAddress> unclaimed() const { return server_->unclaimed(); }
  // What runs at this moment. Any thread.
  std::shared_ptr<const proxy::Runtime> runtime() const;
  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  std::uint32_t open_connections() const { return server_->open_connections(); }
  observe::OffloadSample offload() const;
  observe::LedgerSample ledger() const;
  observe::StoreSample store() const;
  std::vector<observe::LimitSample> limits() const;
  // Of all workers.
  observe::Totals::Sum totals() const { return server_->totals(); }
  observe::OrderSample orders() const;
  const limits::Bans& bans() const { return limits_.bans; }
  std::chrono::nanoseconds drain_time() const { return std::chrono::nanoseconds(drain_.load()); }
  std::uint64_t generation() const { return generation_.load(std::memory_order_relaxed); }

 private:
  struct Thread;

  // Runs it on the steering thread. What it throws ends the work and nothing else; `failed` learns why.
  void later(std::function<void()> work, std::function<void(const std::string&)> failed = {});
  void apply_later(const std::function<void(const Outcome&)>& done, std::string meant = {});
  Outcome apply();
  Outcome refused(std::string why) const;
  Outcome publish(std::shared_ptr<const plan::Plan> plan, config::Diagnostics& diagnostics,
                  bool new_generation);
  // Has the names of `plan` looked up too, and waits a little for the first answers.
  void look_up_names(const plan::Plan& plan);
  // Nothing but what runs is looked up, and checked.
  void watch_names();
  void watch_checks();
  // Makes the addresses known now what runs, where they are others.
  void take_names();
  // The same for the holds.
  void take_holds();
  void tell(const limits::Ban& ban);
  // What limits remember becomes what the plan that runs now makes of it.
  void change_limits(const proxy::Runtime* before);
  bool give_to_workers(const std::shared_ptr<const proxy::Runtime>& runtime,
                       config::Diagnostics& diagnostics);
  bool hand_out(const std::shared_ptr<const proxy::Runtime>& runtime, config::Diagnostics& diagnostics);
  observe::AccessSpec access(const plan::Plan& plan, config::Diagnostics& diagnostics);
  void warn_about_restart(const config::Document& document, Outcome& outcome) const;
  unsigned worker_count(const config::Document& document) const;

  Source source_;
  server::InheritedSockets inherited_;  // until the server is made
  std::shared_ptr<tls::TicketKeys> tickets_ = std::make_shared<tls::TicketKeys>();
  upstream::Registry registry_;
  limits::State limits_;  // before the server, which counts in it
  std::unique_ptr<Orders> orders_;
  store::Client store_{limits_.shared};
  std::shared_ptr<const config::Document> first_document_;
  std::shared_ptr<const proxy::Runtime> runtime_;  // written by this thread, under the mutex
  mutable std::mutex runtime_mutex_;
  std::string renewal_error_;  // said once, not at every look
  std::atomic<bool> draining_{false};
  std::atomic<std::int64_t> drain_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> names_changed_{false};  // and nobody has taken them yet
  observe::Recurring told_names_;
  observe::Recurring told_trouble_;
  observe::Recurring told_bans_{observe::kStatePace};  // by limits
  std::unique_ptr<Thread> thread_;
  std::unique_ptr<server::Server> server_;
  upstream::Checker checker_;
  std::unique_ptr<Names> names_;
};

}  // namespace sluice::control
