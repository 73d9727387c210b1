#include "sluice/server/admission.hpp"

#include <optional>
#include <string_view>

namespace sluice::server {

std::size_t Admission::Hash::operator()(const IpAddress& ip) const {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(ip.bytes), sizeof ip.bytes});
}

Admission::Ticket Admission::admit(const std::string& ip) {
  const std::uint32_t most = most_.load(std::memory_order_relaxed);
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most && most != 0) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  const std::uint32_t per_ip = most_per_ip_.load(std::memory_order_relaxed);
  if (per_ip == 0) return {true, 0};
  const auto address = IpAddress::parse(ip);
  if (!address) return {true, 0};
  const std::uint32_t bits = address->is_v4() ? 128 : v6_prefix_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  std::uint32_t& count = by_ip_[address->prefix(bits)];
  if (count >= per_ip) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  ++count;
  return {true, static_cast<std::uint8_t>(bits)};
}

// By as many bits as were counted then: a reload may have changed the prefix.
void Admission::release(const Ticket& ticket, const std::string& ip) {
  if (!ticket.admitted) return;
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (ticket.counted_bits == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_ip_.find(IpAddress::parse(ip)->prefix(ticket.counted_bits));
  if (--found->second == 0) by_ip_.erase(found);
}

}  // namespace sluice::server
