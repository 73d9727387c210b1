// Bounds on client connections over all workers: in all, and per address. Off (0) by default, and then free.
// Of IPv6 a client has a whole network to choose from, so a prefix counts as one address.
#pragma once

#include "sluice/base/address.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::server {

class Admission {
 public:
  // `v6_prefix`: in bits, 1..128.
  void set_limits(std::uint32_t connections, std::uint32_t per_ip, std::uint32_t v6_prefix) {
    most_.store(connections, std::memory_order_relaxed);
    v6_prefix_.store(v6_prefix, std::memory_order_relaxed);
    most_per_ip_.store(per_ip, std::memory_order_relaxed);
  }
  // What admit() counted is to be given to release().
  struct Ticket {
    bool admitted = false;
    std::uint8_t counted_bits = 0;  // of the address; 0: not counted by it
  };
  // A peer without an address (a unix socket's) counts in all only.
  Ticket admit(const std::string& ip);
  void release(const Ticket& ticket, const std::string& ip);
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  struct Hash {
    std::size_t operator()(const IpAddress& ip) const;
  };

  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> most_{0};
  std::atomic<std::uint32_t> most_per_ip_{0};
  std::atomic<std::uint32_t> v6_prefix_{64};
  std::mutex mutex_;
  std::unordered_map<IpAddress, std::uint32_t, Hash> by_ip_;  // the other bits are 0
};

}  // namespace sluice::server
