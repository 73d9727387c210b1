#include "control/name_table.hpp"

#include <algorithm>
#include <cstring>
#include <netinet/in.h>

#include <fmt/format.h>

namespace sluice::control {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
// How long the word of the system's own files holds.
constexpr Nanos kLocalTtl = 30 * kSecond;
constexpr Nanos kFirstPause = kSecond;
constexpr Nanos kLongestPause = 30 * kSecond;
constexpr std::uint32_t kMostDoublings = 5;

// 0.0.0.0/8 means this machine or nothing; from 224.0.0.0 on nobody can be connected to.
bool usable_v4(const std::uint8_t* bytes) { return bytes[0] != 0 && bytes[0] < 224; }

// A link-local address means nothing without an interface, which no answer names.
bool usable_v6(const in6_addr& ip) {
  if (IN6_IS_ADDR_V4MAPPED(&ip)) return usable_v4(ip.s6_addr + 12);
  return !IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_MULTICAST(&ip) && !IN6_IS_ADDR_LINKLOCAL(&ip);
}

bool can_be_server(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address.raw(), sizeof in);
    std::uint8_t bytes[4];
    std::memcpy(bytes, &in.sin_addr, sizeof bytes);
    return usable_v4(bytes);
  }
  if (address.family() != AF_INET6) return false;
  sockaddr_in6 in6{};
  std::memcpy(&in6, address.raw(), sizeof in6);
  return usable_v6(in6.sin6_addr);
}

bool contains(const std::vector<SocketAddress>& all, const SocketAddress& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

void NameTable::watch(const std::set<std::string>& names, Nanos now) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (names.contains(at->first)) {
      ++at;
      continue;
    }
    due_.erase({at->second.due, at->first});
    if (at->second.asked) --asked_;
    if (!at->second.settled) --unsettled_;
    at = entries_.erase(at);
  }
  for (const std::string& name : names) {
    const auto [at, fresh] = entries_.try_emplace(name);
    if (!fresh) continue;
    ++unsettled_;
    schedule(name, at->second, now);
  }
}

void NameTable::forget_asked(Nanos now) {
  for (auto& [name, entry] : entries_) {
    if (!entry.asked) continue;
    entry.asked = false;
    --asked_;
    schedule(name, entry, now);
  }
}

void NameTable::schedule(const std::string& name, Entry& entry, Nanos due) {
  entry.due = due;
  due_.emplace(due, name);
}

std::string NameTable::take_due(Nanos now) {
  if (asked_ >= kMostAsked || due_.empty() || due_.begin()->first > now) return {};
  std::string name = std::move(due_.extract(due_.begin()).value().second);
  entries_.at(name).asked = true;
  ++asked_;
  return name;
}

Nanos NameTable::next_due() const { return asked_ >= kMostAsked || due_.empty() ? 0 : due_.begin()->first; }

NameReport NameTable::answered(const std::string& name, net::NameAnswer answer, Nanos now) {
  NameReport report;
  const auto at = entries_.find(name);
  if (at == entries_.end() || !at->second.asked) return report;  // nobody wants to know any more
  Entry& entry = at->second;
  entry.asked = false;
  --asked_;
  if (!entry.settled) --unsettled_;
  entry.settled = true;
  const std::string taken_out = filter(answer.addresses, entry.addresses);
  if (answer.addresses.empty()) {
    failed(name, entry, answer.error.empty() ? taken_out : answer.error, now, report);
    return report;
  }
  if (!taken_out.empty() && entry.lying.failed(now) != 0) {
    report.warning = fmt::format("{} has {}", name, taken_out);
  }
  if (entry.failing.recovered()) {
    report.note = fmt::format("{} resolves again, after {} failures", name, entry.failures);
  }
  entry.failures = 0;
  report.changed = answer.addresses != entry.addresses;
  entry.addresses = std::move(answer.addresses);
  const Nanos ttl = answer.local ? kLocalTtl : answer.ttl;
  schedule(name, entry, now + std::clamp(ttl, bounds_.least, bounds_.most));
  return report;
}

void NameTable::failed(const std::string& name, Entry& entry, const std::string& why, Nanos now,
                       NameReport& report) {
  ++entry.failures;
  if (entry.failing.failed(now) != 0) {
    report.warning =
        fmt::format("cannot resolve {}: {}; {}{}", name, why,
                    entry.addresses.empty() ? "no address for it yet" : "keeping the addresses it had",
                    entry.failures > 1 ? fmt::format("; {} failures in a row", entry.failures) : "");
  }
  schedule(name, entry, now + pause_after(entry.failures));
}

// Doubling, and half as long again at random, so that names that failed together are not asked together.
Nanos NameTable::pause_after(std::uint32_t failures) {
  const Nanos pause = std::min(kFirstPause << std::min(failures - 1, kMostDoublings), kLongestPause);
  return pause + std::uniform_int_distribution<Nanos>(0, pause / 2)(random_);
}

std::string NameTable::filter(std::vector<SocketAddress>& addresses,
                              const std::vector<SocketAddress>& before) {
  std::string said;
  const auto bad = std::stable_partition(addresses.begin(), addresses.end(), can_be_server);
  if (bad != addresses.end()) {
    said = fmt::format("{} addresses that cannot be a server's, such as {}",
                       std::distance(bad, addresses.end()), bad->ip_text());
    addresses.erase(bad, addresses.end());
  }
  if (addresses.size() <= kMostAddresses) return said;
  if (!said.empty()) said += ", and ";
  said += fmt::format("{} addresses, of which {} are used", addresses.size(), kMostAddresses);
  // Those in use first: which of so many are taken must not change with every answer.
  const auto in_use = [&](const SocketAddress& address) { return contains(before, address); };
  std::stable_partition(addresses.begin(), addresses.end(), in_use);
  addresses.resize(kMostAddresses);
  std::sort(addresses.begin(), addresses.end(),
            [](const SocketAddress& a, const SocketAddress& b) { return a.text() < b.text(); });
  return said;
}

const std::vector<SocketAddress>& NameTable::addresses(const std::string& name) const {
  static const std::vector<SocketAddress> kNone;
  const auto at = entries_.find(name);
  return at != entries_.end() ? at->second.addresses : kNone;
}

}  // namespace sluice::control
