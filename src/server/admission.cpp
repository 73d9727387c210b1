#include "sluice/server/admission.hpp"

namespace sluice::server {

Admission::Ticket Admission::admit(const std::string& ip) {
  const std::uint32_t most = most_.load(std::memory_order_relaxed);
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most && most != 0) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  const std::uint32_t per_ip = most_per_ip_.load(std::memory_order_relaxed);
  if (per_ip == 0) return {true, false};
  const std::lock_guard lock(mutex_);
  std::uint32_t& count = by_ip_[ip];
  if (count >= per_ip) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  ++count;
  return {true, true};
}

void Admission::release(const Ticket& ticket, const std::string& ip) {
  if (!ticket.admitted) return;
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (!ticket.counted_by_ip) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_ip_.find(ip);
  if (--found->second == 0) by_ip_.erase(found);
}

}  // namespace sluice::server
