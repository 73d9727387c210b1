#include "limits/shard.hpp"

#include <algorithm>
#include <new>
#include <sys/mman.h>

namespace sluice::limits {
namespace {

// One eviction looks at so many entries at most, and chooses among so many that were not used for long.
constexpr int kSteps = 64;
constexpr int kLooks = 8;
// So many chunks stay that nothing is in: a key that comes and goes costs no system call.
constexpr std::size_t kSpare = 1;

bool is_of(const Entry& entry, const Key& key, Kind kind) {
  return entry.low == key.low && entry.high == key.high >> 32 && entry.kind == kind;
}

}  // namespace

void Ledger::Shard::Unmap::operator()(Chunk* chunk) const { ::munmap(chunk, kMapped); }

// The system's memory is zero: what an entry or a head begins with is written when it is taken.
Ledger::Shard::ChunkOwner Ledger::Shard::map_chunk() {
  void* const made = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) throw std::bad_alloc();
  return ChunkOwner(static_cast<Chunk*>(made));
}

std::uint32_t Ledger::Shard::head_of(std::uint64_t low) const {
  const std::uint32_t whole = std::bit_floor(size_);
  const auto at = static_cast<std::uint32_t>(low) & (2 * whole - 1);
  return at < size_ ? at : at & (whole - 1);
}

std::uint32_t Ledger::Shard::find(const Key& key, Kind kind) {
  if (size_ == 0) return kNone;
  for (std::uint32_t at = head(head_of(key.low)); at != kNone; at = entry(at).next) {
    if (is_of(entry(at), key, kind)) return at;
  }
  return kNone;
}

Entry& Ledger::Shard::get(const Key& key, Kind kind, Nanos now) {
  const std::uint32_t at = find(key, kind);
  if (at == kNone) return make(key, kind, now);
  Entry& found = entry(at);
  if (found.bounded != key.bounded) set_bounded(found, key.bounded);
  found.used = true;
  return found;
}

Entry& Ledger::Shard::make(const Key& key, Kind kind, Nanos now) {
  std::uint32_t at = kNone;
  const bool counts = kind != Kind::count && !key.bounded;
  if (counts && room_->taken.load(std::memory_order_relaxed) >= room_->most.load(std::memory_order_relaxed)) {
    at = victim(now);
  }
  if (at != kNone) {
    unlink(at);
  } else {
    at = append();
    if (counts) room_->taken.fetch_add(1, std::memory_order_relaxed);
  }
  Entry& made = entry(at);
  made = Entry{};
  made.low = key.low;
  made.high = static_cast<std::uint32_t>(key.high >> 32);
  made.limit = key.limit;
  made.tenant = key.tenant;
  made.kind = kind;
  made.bounded = key.bounded;
  link(at);
  return made;
}

// Makes room for one at the end, and the head that goes with it.
std::uint32_t Ledger::Shard::append() {
  const std::uint32_t last = size_;
  if (last / kPerChunk == chunks_.size()) chunks_.push_back(map_chunk());
  head(last) = kNone;
  ++size_;
  if (last == 0) return last;
  std::uint32_t* from = &head(parent_of(last));
  while (*from != kNone) {
    const std::uint32_t at = *from;
    if (head_of(entry(at).low) == last) {
      *from = entry(at).next;
      entry(at).next = std::exchange(head(last), at);
    } else {
      from = &entry(at).next;
    }
  }
  return last;
}

void Ledger::Shard::drop(std::uint32_t at) {
  unlink(at);
  if (entry(at).may_go()) room_->taken.fetch_sub(1, std::memory_order_relaxed);
  const std::uint32_t last = size_ - 1;
  if (last != 0) {
    std::uint32_t* end = &head(parent_of(last));
    while (*end != kNone)
      end = &entry(*end).next;
    *end = head(last);
  }
  --size_;
  if (at != last) {
    link_to(last) = at;
    entry(at) = entry(last);
  }
  release_beyond(kSpare);
}

bool Ledger::Shard::evict(Nanos now) {
  const std::uint32_t at = victim(now);
  if (at == kNone) return false;
  drop(at);
  return true;
}

// By the clock algorithm: one that was used since the hand came by gets another round. Of some that were not,
// the one that has least to lose: who is far beyond a limit is not forgotten for those who were seen once.
std::uint32_t Ledger::Shard::victim(Nanos now) {
  std::uint32_t found = kNone;
  std::uint32_t otherwise = kNone;
  int looks = 0;
  for (std::uint32_t step = 0; step < std::min<std::uint32_t>(kSteps, size_) && looks < kLooks; ++step) {
    hand_ = (hand_ == 0 || hand_ > size_ ? size_ : hand_) - 1;
    Entry& seen = entry(hand_);
    if (!seen.may_go()) continue;
    if (seen.full(now)) return hand_;
    if (seen.used) {
      seen.used = false;
      otherwise = hand_;
      continue;
    }
    ++looks;
    if (found == kNone || seen.state < entry(found).state) found = hand_;
  }
  if (found == kNone) found = otherwise;
  if (found == kNone) return found;
  hand_ = found;  // the next search begins behind it: of those that owe the same, each has its turn
  ++evicted_;
  return found;
}

void Ledger::Shard::set_bounded(Entry& entry, bool bounded) {
  const bool went = entry.may_go();
  entry.bounded = bounded;
  if (went && !entry.may_go()) room_->taken.fetch_sub(1, std::memory_order_relaxed);
  if (!went && entry.may_go()) room_->taken.fetch_add(1, std::memory_order_relaxed);
}

std::uint32_t& Ledger::Shard::link_to(std::uint32_t at) {
  std::uint32_t* link = &head(head_of(entry(at).low));
  while (*link != at)
    link = &entry(*link).next;
  return *link;
}

void Ledger::Shard::link(std::uint32_t at) {
  entry(at).next = std::exchange(head(head_of(entry(at).low)), at);
}

void Ledger::Shard::release_beyond(std::size_t spare) {
  const std::size_t needed = (size_ + kPerChunk - 1) / kPerChunk;
  while (chunks_.size() > needed + spare)
    chunks_.pop_back();
}

std::size_t Ledger::Shard::memory() const {
  return chunks_.size() * kMapped + chunks_.capacity() * sizeof(ChunkOwner);
}

}  // namespace sluice::limits
