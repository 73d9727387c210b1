// One address of an application server, shared by all workers for as long as any configuration names it: what
// is known about it outlives reloads.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/observe/recurring.hpp"
#include "sluice/upstream/condition.hpp"
#include "sluice/upstream/latency.hpp"
#include "sluice/upstream/record.hpp"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tls {
class ClientContext;
}

namespace sluice::upstream {

// How the servers of one pool are spoken to. Immutable.
struct Wire {
  bool h2 = false;
  std::shared_ptr<const tls::ClientContext> tls;  // empty: in the clear
  std::string server_name;                        // for TLS; empty: the server's own name
  std::string key;                                // equal keys: connections may be shared
};

// What tells servers apart across reloads, whatever way they are spoken to: '\n' stands in neither name.
inline std::string server_key(std::string_view pool, std::string_view server) {
  return std::string(pool).append("\n").append(server);
}

class Endpoint {
 public:
  // `host`: the server's name where it was configured by one. `generation` tells endpoints apart that had
  // the same id one after the other.
  Endpoint(std::string pool, std::string name, std::string host, SocketAddress address,
           std::shared_ptr<const Wire> wire, std::uint32_t id, std::uint32_t generation = 0)
      : pool_(std::move(pool)),
        name_(std::move(name)),
        host_(std::move(host)),
        wire_(std::move(wire)),
        address_(address),
        id_(id),
        generation_(generation) {}

  const std::string& pool() const { return pool_; }
  const std::string& name() const { return name_; }  // as logs and metrics call it: the address as text
  const SocketAddress& address() const { return address_; }
  const Wire& wire() const { return *wire_; }
  const std::string& host() const { return host_; }  // empty when only the address is known
  // What stands in Host where nobody named an authority. A socket's path is none.
  std::string_view default_host() const { return address_.is_unix() ? std::string_view("localhost") : name_; }
  // What TLS asks for and verifies; empty when only the address is known.
  const std::string& server_name() const { return wire_->server_name.empty() ? host_ : wire_->server_name; }
  // Small, and nobody else's as long as anybody holds this: an index for per-worker tables.
  std::uint32_t id() const { return id_; }
  std::uint32_t generation() const { return generation_; }

  Condition& condition() { return condition_; }
  const Condition& condition() const { return condition_; }
  Record& record() { return record_; }

  // Requests under way, over all workers; with a `bound` (0: none) only while there are fewer.
  std::uint32_t active(std::memory_order order = std::memory_order_relaxed) const {
    return active_.load(order);
  }
  bool acquire(std::uint32_t bound) {
    if (bound == 0) {
      active_.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    // Never beyond it, not for a moment: who counts in that moment would see no room and wait.
    std::uint32_t now = active();
    while (now < bound && !active_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) {
    }
    return now < bound;
  }
  // Who waits for room looks again after it has queued up; who gives a place back looks for who waits after
  // that. So one of the two sees the other, if nobody's order is changed (see Queue).
  void release() { active_.fetch_sub(1, std::memory_order_seq_cst); }

  // After a failed connect the endpoint is passed over for a while, doubling up to eight seconds, so that a
  // dead server does not cost every request a try. Picked all the same when every other is in that state.
  bool resting(Nanos now) const { return resting_until_.load(std::memory_order_relaxed) > now; }
  // Whether it may be given a request like any other.
  bool usable(Nanos now) const { return !resting(now) && condition_.takes(now, false); }
  void connect_failed(Nanos now, const Error& why = {});
  void connect_succeeded(Nanos now) {
    if (failures_.load(std::memory_order_relaxed) == 0) return;
    failures_.store(0, std::memory_order_relaxed);
    resting_until_.store(0, std::memory_order_relaxed);
    condition_.recovered(now);
  }
  // No connection could be made since one was: why not, and when that was last seen. For people.
  struct Unreachable {
    Error why;
    Nanos at = 0;
  };
  std::optional<Unreachable> unreachable() const;

  // It gave an answer on a connection that was new: not asked for each of its requests.
  void answered() { answered_.store(true, std::memory_order_relaxed); }
  bool has_answered() const { return answered_.load(std::memory_order_relaxed); }

  // What the log is told of it: that it is down and up again, and that it is ejected.
  observe::Recurring& told_down() { return told_down_; }
  observe::Recurring& told_ejected() { return told_ejected_; }

  // An answer of the server broke a rule: the log says so at first and then at growing intervals, for whoever
  // writes the application is the only one who can mend it.
  void tell_broken(Rule rule, Nanos now);

  Latency& latency() { return latency_; }
  const Latency& latency() const { return latency_; }

 private:
  const std::string pool_;
  const std::string name_;
  const std::string host_;
  const std::shared_ptr<const Wire> wire_;
  const SocketAddress address_;
  const std::uint32_t id_;
  const std::uint32_t generation_;
  // A cache line of its own: every worker writes it twice per request.
  alignas(64) std::atomic<std::uint32_t> active_{0};
  std::atomic<std::uint32_t> failures_{0};
  std::atomic<Nanos> resting_until_{0};
  std::atomic<Error> failure_{};  // of the last connect that failed
  std::atomic<Nanos> failed_at_{0};
  std::atomic<bool> answered_{false};
  Condition condition_;
  Record record_;
  Latency latency_;
  observe::Recurring told_down_{observe::kStatePace};
  observe::Recurring told_ejected_{observe::kStatePace};
  observe::Recurring told_broken_;
};

struct Member {
  std::shared_ptr<Endpoint> endpoint;
  std::uint32_t weight;           // 1..1000
  bool backup = false;            // asked only when no other is usable
  std::uint32_t most_active = 0;  // requests it may have under way; 0: any number

  bool has_room() const { return most_active == 0 || endpoint->active() < most_active; }
  // For how many more; without a bound a great many.
  std::uint32_t room() const {
    if (most_active == 0) return std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t active = endpoint->active(std::memory_order_seq_cst);  // see Endpoint::release()
    return active < most_active ? most_active - active : 0;
  }
  bool operator==(const Member&) const = default;
};

// The servers of one pool at one time. Immutable.
using Members = std::vector<Member>;

}  // namespace sluice::upstream
