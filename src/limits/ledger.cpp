#include "sluice/limits/ledger.hpp"

#include <algorithm>
#include <utility>

namespace sluice::limits {
namespace {

constexpr std::uint32_t kNone = 0xffff'ffff;
constexpr std::size_t kPerChunk = 256;
constexpr std::size_t kFirstHeads = 64;
// How many of the least recently used are looked at for one that means nothing any more.
constexpr int kLooks = 8;
// Entries that one hold of a lock goes through.
constexpr std::size_t kAtOnce = 512;

}  // namespace

// A table of entries chained by their digest, in chunks that do not move, with a list of those that may be
// forgotten, most recently used first.
class Ledger::Shard {
 public:
  struct Entry {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    Nanos full_at = 0;        // of a bucket: when it is full again
    std::uint32_t limit = 0;  // 0: the entry is free
    std::uint32_t tenant = 0;
    std::uint32_t inside = 0;     // of a count
    std::uint32_t chain = kNone;  // the next with the same head, or the next free one
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
    bool bounded = false;

    bool means_nothing(Nanos now) const { return inside == 0 && full_at <= now; }
    bool listed() const { return !bounded && inside == 0; }
  };

  std::mutex mutex;
  std::atomic<std::size_t> most{Ledger::kDefaultMost / Ledger::kShards};
  std::atomic<std::size_t> count{0};
  std::atomic<std::uint64_t> evicted{0};

  Entry* find(const Key& key) {
    if (heads_.empty()) return nullptr;
    for (std::uint32_t at = heads_[slot_of(key.low)]; at != kNone; at = entry(at).chain) {
      if (entry(at).low == key.low && entry(at).high == key.high) return &entry(at);
    }
    return nullptr;
  }

  // With the entry unlisted, so that the caller may change it; touch() lists it again.
  Entry& get(const Key& key, Nanos now) {
    Entry* found = find(key);
    if (found == nullptr) return make(key, now);
    if (found->listed()) unlist(*found);
    return *found;
  }
  // After a change.
  void touch(Entry& entry) {
    if (entry.listed()) list(entry);
  }

  void drop(Entry& gone) {
    if (gone.listed()) unlist(gone);
    std::uint32_t* at = &heads_[slot_of(gone.low)];
    while (&entry(*at) != &gone)
      at = &entry(*at).chain;
    const std::uint32_t index = *at;
    *at = gone.chain;
    gone = Entry{};
    gone.chain = free_;
    free_ = index;
    count.store(count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }

  // Nothing is in it: its memory goes.
  void give_up_memory() {
    std::exchange(chunks_, std::vector<std::unique_ptr<Entry[]>>());
    std::exchange(heads_, std::vector<std::uint32_t>());
    free_ = newest_ = oldest_ = kNone;
  }

  std::size_t slots() const { return chunks_.size() * kPerChunk; }
  Entry& entry(std::size_t at) { return chunks_[at / kPerChunk][at % kPerChunk]; }
  std::size_t memory() const {
    return slots() * sizeof(Entry) + heads_.capacity() * sizeof heads_[0] +
           chunks_.capacity() * sizeof chunks_[0];
  }

 private:
  // The shard was chosen by `high`.
  std::size_t slot_of(std::uint64_t low) const { return low & (heads_.size() - 1); }

  Entry& make(const Key& key, Nanos now) {
    if (count.load(std::memory_order_relaxed) >= most.load(std::memory_order_relaxed)) make_room(now);
    if (free_ == kNone) grow();
    const std::uint32_t index = free_;
    Entry& made = entry(index);
    free_ = made.chain;
    made = Entry{};
    made.high = key.high;
    made.low = key.low;
    made.limit = key.limit;
    made.tenant = key.tenant;
    made.bounded = key.bounded;
    std::uint32_t& head = heads_[slot_of(key.low)];
    made.chain = head;
    head = index;
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return made;
  }

  void make_room(Nanos now) {
    if (oldest_ == kNone) return;
    Entry* out = &entry(oldest_);
    std::uint32_t at = oldest_;
    for (int i = 0; i < kLooks && at != kNone; ++i, at = entry(at).newer) {
      if (!entry(at).means_nothing(now)) continue;
      out = &entry(at);
      break;
    }
    if (!out->means_nothing(now)) evicted.fetch_add(1, std::memory_order_relaxed);
    drop(*out);
  }

  void grow() {
    const auto first = static_cast<std::uint32_t>(slots());
    chunks_.push_back(std::make_unique<Entry[]>(kPerChunk));
    for (std::size_t i = kPerChunk; i-- > 0;) {
      chunks_.back()[i].chain = free_;
      free_ = first + static_cast<std::uint32_t>(i);
    }
    if (slots() <= heads_.size()) return;
    heads_.assign(std::max(heads_.size() * 2, kFirstHeads), kNone);
    while (heads_.size() < slots())
      heads_.assign(heads_.size() * 2, kNone);
    for (std::uint32_t at = 0; at < first; ++at) {
      Entry& moved = entry(at);
      if (moved.limit == 0) continue;
      std::uint32_t& head = heads_[slot_of(moved.low)];
      moved.chain = head;
      head = at;
    }
  }

  std::uint32_t index_of(const Entry& wanted) {
    for (std::uint32_t at = heads_[slot_of(wanted.low)]; at != kNone; at = entry(at).chain) {
      if (&entry(at) == &wanted) return at;
    }
    return kNone;
  }

  void list(Entry& fresh) {
    const std::uint32_t index = index_of(fresh);
    fresh.older = newest_;
    fresh.newer = kNone;
    (newest_ != kNone ? entry(newest_).newer : oldest_) = index;
    newest_ = index;
  }
  void unlist(Entry& gone) {
    (gone.newer != kNone ? entry(gone.newer).older : newest_) = gone.older;
    (gone.older != kNone ? entry(gone.older).newer : oldest_) = gone.newer;
    gone.newer = gone.older = kNone;
  }

  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::vector<std::uint32_t> heads_;
  std::uint32_t free_ = kNone;
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
};

Ledger::Ledger() : shards_(std::make_unique<Shard[]>(kShards)) {}
Ledger::~Ledger() = default;

void Ledger::set_most(std::size_t keys) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_[i].most.store(std::max<std::size_t>(keys / kShards, 1), std::memory_order_relaxed);
}

Ledger::Shard& Ledger::shard_of(const Key& key) const { return shards_[key.high % kShards]; }

Ledger::Taken Ledger::take(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now) {
  Shard& shard = shard_of(key);
  const Nanos depth = terms.depth();
  const std::lock_guard lock(shard.mutex);
  Shard::Entry& entry = shard.get(key, now);
  const Nanos next = std::max(entry.full_at, now) + terms.time_of(tokens);
  Taken out;
  out.passed = next - now <= depth;
  if (out.passed) {
    entry.full_at = next;
  } else {
    out.wait = next - now - depth;
  }
  out.full = std::max<Nanos>(entry.full_at - now, 0);
  out.left = std::max(static_cast<double>(depth - out.full) / terms.per_token, 0.0);
  shard.touch(entry);
  return out;
}

void Ledger::give_back(const Key& key, const Terms& terms, std::uint64_t tokens) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (Shard::Entry* const entry = shard.find(key)) entry->full_at -= terms.time_of(tokens);
}

Nanos Ledger::reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Shard::Entry& entry = shard.get(key, now);
  entry.full_at = std::max(entry.full_at, now) + terms.time_of(tokens);
  const Nanos wait = std::max<Nanos>(entry.full_at - now - terms.depth(), 0);
  shard.touch(entry);
  return wait;
}

Ledger::Entered Ledger::enter(const Key& key, std::uint32_t most) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Shard::Entry& entry = shard.get(key, 0);
  Entered out;
  out.passed = entry.inside < most;
  if (out.passed) ++entry.inside;
  out.inside = entry.inside;
  shard.touch(entry);
  return out;
}

void Ledger::leave(const Key& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Shard::Entry* const entry = shard.find(key);
  if (entry == nullptr || entry->inside == 0) return;
  if (--entry->inside != 0) return;
  shard.touch(*entry);
  shard.drop(*entry);
}

// Goes through all entries, in pieces; `change` says whether the entry is to go.
template <class Change>
void Ledger::change_all(Change change) {
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    for (std::size_t at = 0;;) {
      const std::lock_guard lock(shard.mutex);
      const std::size_t end = std::min(at + kAtOnce, shard.slots());
      for (; at < end; ++at) {
        Shard::Entry& entry = shard.entry(at);
        if (entry.limit != 0 && change(entry)) shard.drop(entry);
      }
      if (at < shard.slots()) continue;
      if (shard.count.load(std::memory_order_relaxed) == 0) shard.give_up_memory();
      break;
    }
  }
}

void Ledger::settle(std::uint32_t limit, const Terms& old, const Terms& next, Nanos now) {
  change_all([&](Shard::Entry& entry) {
    if (entry.limit != limit || entry.full_at <= now) return false;
    const double taken = static_cast<double>(entry.full_at - now) / old.per_token;
    entry.full_at = now + std::min(static_cast<Nanos>(taken * next.per_token), next.depth());
    return false;
  });
}

void Ledger::forget_tenant(std::uint32_t tenant) {
  change_all([&](const Shard::Entry& entry) { return entry.tenant == tenant && entry.inside == 0; });
}

void Ledger::forget_limit(std::uint32_t limit) {
  change_all([&](const Shard::Entry& entry) { return entry.limit == limit && entry.inside == 0; });
}

void Ledger::sweep(Nanos now) {
  change_all([&](const Shard::Entry& entry) { return entry.means_nothing(now); });
}

std::size_t Ledger::size() const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i)
    out += shards_[i].count.load(std::memory_order_relaxed);
  return out;
}

std::uint64_t Ledger::evicted() const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i)
    out += shards_[i].evicted.load(std::memory_order_relaxed);
  return out;
}

std::size_t Ledger::memory() const {
  std::size_t out = kShards * sizeof(Shard);
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::lock_guard lock(shards_[i].mutex);
    out += shards_[i].memory();
  }
  return out;
}

}  // namespace sluice::limits
