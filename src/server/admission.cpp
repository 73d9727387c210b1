#include "sluice/server/admission.hpp"

#include "sluice/limits/key.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace sluice::server {
namespace {

// No limit of the configuration can be called so.
constexpr std::string_view kHandshakes = "max: handshakes_per_ip";

}  // namespace

std::size_t Admission::Hash::operator()(const IpAddress& ip) const {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(ip.bytes), sizeof ip.bytes});
}

void Admission::set_limits(const plan::ConnectionLimits& limits, Nanos now) {
  most_.store(limits.all, std::memory_order_relaxed);
  v6_prefix_.store(limits.v6_prefix, std::memory_order_relaxed);
  most_per_ip_.store(limits.per_ip, std::memory_order_relaxed);
  const config::Rate& rate = limits.handshakes_per_ip;
  if (rate.count == 0) return counts_handshakes_.store(false, std::memory_order_relaxed);
  const auto next = limits::Terms::of(rate.count, nanos(rate.period), rate.count);
  std::unique_lock lock(mutex_);
  const limits::Terms before = std::exchange(handshakes_, next);
  counts_handshakes_.store(true, std::memory_order_relaxed);
  lock.unlock();  // it takes its time, and clients are admitted meanwhile
  if (before.per_token == 0 || before == next) return;
  ledger_.change({.limits = {{limits::tag_of(kHandshakes), next}}}, now);
}

std::uint32_t Admission::bits_of(const IpAddress& ip) const {
  return ip.is_v4() ? 128 : v6_prefix_.load(std::memory_order_relaxed);
}

Admission::Ticket Admission::admit(const std::string& ip) {
  const std::uint32_t most = most_.load(std::memory_order_relaxed);
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most && most != 0) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {.beyond = observe::Turnaway::connections};
  }
  const std::uint32_t per_ip = most_per_ip_.load(std::memory_order_relaxed);
  if (per_ip == 0) return {.admitted = true};
  const auto address = IpAddress::parse(ip);
  if (!address) return {.admitted = true};
  const std::uint32_t bits = bits_of(*address);
  const std::lock_guard lock(mutex_);
  std::uint32_t& count = by_ip_[address->prefix(bits)];
  if (count >= per_ip) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return {.beyond = observe::Turnaway::connections_per_ip};
  }
  ++count;
  return {.admitted = true, .counted_bits = static_cast<std::uint8_t>(bits)};
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

bool Admission::may_shake_hands(const std::string& ip, Nanos now) {
  if (!counts_handshakes_.load(std::memory_order_relaxed)) return true;
  const auto address = IpAddress::parse(ip);
  if (!address) return true;
  limits::KeyMaker maker(kHandshakes);
  maker.add(address->prefix(bits_of(*address)));
  limits::Key key = maker.key();
  key.limit = limits::tag_of(kHandshakes);
  const std::lock_guard lock(mutex_);
  return ledger_.take(key, handshakes_, 1, now).passed;
}

}  // namespace sluice::server
