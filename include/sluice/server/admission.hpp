// Bounds on client connections over all workers: in all, per address, and on how fast one address may begin
// TLS handshakes. Off (0) by default, and then free. Of IPv6 a client has a whole network to choose from, so
// a prefix counts as one address.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/limits/ledger.hpp"
#include "sluice/observe/counters.hpp"
#include "sluice/plan/plan.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::server {

class Admission {
 public:
  // Handshakes are counted in `ledger`, which outlives this.
  explicit Admission(limits::Ledger& ledger) : ledger_(ledger) {}
  // From one thread. Handshakes that were counted stay counted.
  void set_limits(const plan::ConnectionLimits& limits, Nanos now);
  // What admit() counted is to be given to release().
  struct Ticket {
    bool admitted = false;
    std::uint8_t counted_bits = 0;                              // of the address; 0: not counted by it
    observe::Turnaway beyond = observe::Turnaway::connections;  // what it would have exceeded
  };
  // A peer without an address (a unix socket's) counts in all only.
  Ticket admit(const std::string& ip);
  void release(const Ticket& ticket, const std::string& ip);
  // Whether that address may begin one more TLS handshake now.
  bool may_shake_hands(const std::string& ip, Nanos now);
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::uint32_t bits_of(const IpAddress& ip) const;
  struct Hash {
    std::size_t operator()(const IpAddress& ip) const;
  };

  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> most_{0};
  std::atomic<std::uint32_t> most_per_ip_{0};
  std::atomic<std::uint32_t> v6_prefix_{64};
  limits::Ledger& ledger_;
  std::atomic<bool> counts_handshakes_{false};
  std::mutex mutex_;
  limits::Terms handshakes_;                                  // of one address
  std::unordered_map<IpAddress, std::uint32_t, Hash> by_ip_;  // the other bits are 0
};

}  // namespace sluice::server
