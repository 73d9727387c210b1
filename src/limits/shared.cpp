#include "sluice/limits/shared.hpp"

#include "sluice/base/intrusive_list.hpp"

#include "limits/sha256.hpp"

#include <algorithm>
#include <cstring>
#include <endian.h>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace sluice::limits {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kUnused = kSecond;  // a lease is given up
constexpr Nanos kForgetEvery = 10 * kSecond;
// Heads of a table that one hold of its lock goes through.
constexpr std::size_t kAtOnce = 512;

// The limit's name is the first part of a bucket's.
std::string limit_of(std::string_view name) {
  if (name.empty()) return {};
  return std::string(name.substr(1, static_cast<unsigned char>(name.front())));
}

}  // namespace

struct Shared::Shard {
  struct HashKey {
    std::size_t operator()(const Key& key) const { return key.low; }
  };
  struct SameKey {
    bool operator()(const Key& a, const Key& b) const { return a.low == b.low && a.high == b.high; }
  };
  // In a list by how recently it was used.
  struct Entry : ListLink {
    explicit Entry(const Key& of) : key(of) {}
    Key key;
    Lease lease;
    std::uint64_t digest[2]{};
    bool wanting = false;  // stands in wanting_
    bool watched = false;  // stands in held_
  };

  std::mutex mutex;
  std::atomic<std::size_t> most{Ledger::kDefaultMost / kShards};
  std::atomic<std::size_t> count{0};
  std::atomic<std::uint64_t> evicted{0};
  std::unordered_map<Key, Entry, HashKey, SameKey> entries;
  IntrusiveList<Entry> by_use;                           // most recently used first; without bounded ones
  std::unordered_map<std::uint32_t, std::string> names;  // of limits, by tag

  Entry* find(const Key& key) {
    const auto found = entries.find(key);
    return found != entries.end() ? &found->second : nullptr;
  }

  Entry& get(const Key& key, std::string_view name) {
    Entry* found = find(key);
    if (found != nullptr) {
      found->unlink();
    } else {
      if (entries.size() >= most.load(std::memory_order_relaxed)) make_room();
      found = &entries.try_emplace(key, key).first->second;
      const Sha256 digest = sha256(name);
      std::memcpy(found->digest, digest.data(), sizeof found->digest);
      names.try_emplace(key.limit, limit_of(name));
      count.store(entries.size(), std::memory_order_relaxed);
    }
    if (!key.bounded) by_use.push_front(*found);
    return *found;
  }

  void make_room() {
    if (by_use.empty()) return;
    evicted.fetch_add(1, std::memory_order_relaxed);
    drop(by_use.back().key);
  }

  void drop(Key key) {
    entries.erase(key);
    count.store(entries.size(), std::memory_order_relaxed);
  }

  std::string name_of(const Entry& entry) const {
    return fmt::format("sluice:{}:{:016x}{:016x}", names.at(entry.key.limit), be64toh(entry.digest[0]),
                       be64toh(entry.digest[1]));
  }
};

Shared::Shared() : shards_(std::make_unique<Shard[]>(kShards)) {}
Shared::~Shared() = default;

Shared::Shard& Shared::shard_of(const Key& key) const { return shards_[key.high % kShards]; }

Lease::Reach Shared::reach() const {
  return {joined_.load(std::memory_order_relaxed), nodes_.load(std::memory_order_relaxed)};
}

Ledger::Taken Shared::take(const Key& key, std::string_view name, const Terms& terms, std::uint64_t tokens,
                           Nanos now) {
  const Lease::Reach reach = this->reach();
  const Outage outage = outage_.load(std::memory_order_relaxed);
  if (reach.joined == 0 && outage == Outage::open) {
    return {.passed = true, .left = static_cast<double>(terms.burst)};
  }
  if (reach.joined == 0 && outage == Outage::closed) return {.wait = kSecond, .unreachable = true};
  Shard& shard = shard_of(key);
  Lease::Taken taken;
  bool asks = false;
  {
    const std::lock_guard lock(shard.mutex);
    Shard::Entry& entry = shard.get(key, name);
    taken = entry.lease.take(terms, tokens, now, reach);
    asks = !entry.wanting && entry.lease.wants_to_ask(now, reach);
    entry.wanting = entry.wanting || asks;
  }
  if (asks) want(key);
  return {.passed = taken.passed, .left = taken.left, .wait = taken.wait, .full = taken.full};
}

void Shared::give_back(const Key& key, std::uint64_t tokens) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (Shard::Entry* const entry = shard.find(key)) entry->lease.give_back(tokens);
}

void Shared::want(const Key& key) {
  bool first = false;
  {
    const std::lock_guard lock(wanting_mutex_);
    first = wanting_.empty();
    wanting_.push_back(key);
  }
  if (first && waker_ != nullptr) waker_->wake();
}

std::vector<Shared::Ask> Shared::collect(std::size_t most, Nanos now) {
  std::vector<Key> keys;
  {
    const std::lock_guard lock(wanting_mutex_);
    if (wanting_.size() <= most) {
      keys.swap(wanting_);
    } else {
      const auto rest = wanting_.begin() + static_cast<std::ptrdiff_t>(most);
      keys.assign(wanting_.begin(), rest);
      wanting_.erase(wanting_.begin(), rest);
    }
  }
  std::vector<Ask> out;
  out.reserve(keys.size());
  for (const Key& key : keys) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    Shard::Entry* const entry = shard.find(key);
    if (entry == nullptr) continue;
    entry->wanting = false;
    if (!entry->lease.wants_to_ask(now, reach())) continue;
    out.push_back({key, shard.name_of(*entry), entry->lease.ask(now)});
  }
  return out;
}

void Shared::answered(const Key& key, const Lease::Answer& answer, Nanos now) {
  Shard& shard = shard_of(key);
  bool asks = false;
  {
    const std::lock_guard lock(shard.mutex);
    Shard::Entry* const entry = shard.find(key);
    if (entry == nullptr) return;
    entry->lease.answered(answer, now, reach());
    if (entry->lease.holds() && !std::exchange(entry->watched, true)) held_.push_back({key, now + kUnused});
    asks = !entry->wanting && entry->lease.owes();
    entry->wanting = entry->wanting || asks;
  }
  if (asks) want(key);
}

void Shared::join(std::uint32_t nodes) {
  nodes_.store(std::max<std::uint32_t>(nodes, 1), std::memory_order_relaxed);
  if (joined_.load(std::memory_order_relaxed) == 0) joined_.store(++times_joined_, std::memory_order_relaxed);
}

std::uint32_t Shared::nodes() const {
  const Lease::Reach now = reach();
  return now.joined != 0 ? now.nodes : 0;
}

void Shared::lose(Outage outage) {
  outage_.store(outage, std::memory_order_relaxed);
  joined_.store(0, std::memory_order_relaxed);
}

void Shared::leave() { lose(Outage::local); }

std::vector<Shared::Ask> Shared::tidy(Nanos now) {
  if (now - forgot_at_ >= kForgetEvery) {
    forgot_at_ = now;
    forget_full(now);
  }
  return give_up_leases(now);
}

std::vector<Shared::Ask> Shared::give_up_leases(Nanos now) {
  std::vector<Ask> out;
  const Lease::Reach reach = this->reach();
  if (reach.joined == 0) return out;
  for (; !held_.empty() && held_.front().look_at <= now; held_.pop_front()) {
    const Key key = held_.front().key;
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    Shard::Entry* const entry = shard.find(key);
    if (entry == nullptr) continue;
    Lease& lease = entry->lease;
    const bool in_use = now - lease.used() < kUnused || lease.asking();
    if (lease.holds() && in_use) {
      held_.push_back({key, now + kUnused});
      continue;
    }
    entry->watched = false;
    if (lease.holds()) out.push_back({key, shard.name_of(*entry), lease.give_up(now, reach)});
  }
  return out;
}

// A few entries under each hold of a lock.
void Shared::forget_full(Nanos now) {
  const Lease::Reach reach = this->reach();
  std::vector<Key> full;
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    for (std::size_t at = 0;;) {
      const std::lock_guard lock(shard.mutex);
      const std::size_t end = std::min(at + kAtOnce, shard.entries.bucket_count());
      full.clear();
      for (; at < end; ++at) {
        std::for_each(shard.entries.begin(at), shard.entries.end(at), [&](const auto& item) {
          if (item.second.lease.means_nothing(now, reach)) full.push_back(item.first);
        });
      }
      for (const Key& key : full)
        shard.drop(key);
      if (at >= shard.entries.bucket_count()) break;
    }
  }
}

void Shared::set_most(std::size_t keys) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_[i].most.store(std::max<std::size_t>(keys / kShards, 1), std::memory_order_relaxed);
}

std::size_t Shared::size() const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i)
    out += shards_[i].count.load(std::memory_order_relaxed);
  return out;
}

std::uint64_t Shared::evicted() const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i)
    out += shards_[i].evicted.load(std::memory_order_relaxed);
  return out;
}

std::size_t Shared::memory() const {
  // A node of the table has its entry, a link, and its share of the heads.
  return kShards * sizeof(Shard) + size() * (sizeof(std::pair<const Key, Shard::Entry>) + 2 * sizeof(void*));
}

}  // namespace sluice::limits
