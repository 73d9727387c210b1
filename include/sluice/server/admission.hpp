// Bounds on client connections over all workers: in all, and per address. Off (0) by default, and then free.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sluice::server {

class Admission {
 public:
  void set_limits(std::uint32_t connections, std::uint32_t per_ip) {
    most_.store(connections, std::memory_order_relaxed);
    most_per_ip_.store(per_ip, std::memory_order_relaxed);
  }
  // What admit() counted is to be given to release().
  struct Ticket {
    bool admitted = false;
    bool counted_by_ip = false;
  };
  Ticket admit(const std::string& ip);
  void release(const Ticket& ticket, const std::string& ip);
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> most_{0};
  std::atomic<std::uint32_t> most_per_ip_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> by_ip_;
};

}  // namespace sluice::server
