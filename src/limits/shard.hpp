// A part of the ledger: entries by the digest of their key.
//
// Linear hashing (Litwin, 1980): as many heads as entries, one more with each that comes and one less with
// each that goes. So no request ever waits for a table that is made anew, and entries lie close together,
// in chunks that go back to the system when they are empty.
#pragma once

#include "sluice/limits/ledger.hpp"

#include <bit>
#include <mutex>
#include <utility>
#include <vector>

namespace sluice::limits {

enum class Kind : std::uint8_t {
  bucket,
  queue,  // a bucket that was reserved from: it may owe more than its burst
  count,
};

struct Entry {
  std::uint64_t low = 0;
  // Of a count: how many are inside. Of others: when it is full again, and `part` 65536ths of a nanosecond.
  std::int64_t state = 0;
  std::uint32_t high = 0;  // half of it: the shard is chosen by the other one
  std::uint32_t next = 0;  // with the same head
  std::uint32_t limit = 0;
  std::uint32_t tenant = 0;
  float per_token = 0;  // of the terms by which `state` was reckoned
  std::uint16_t part = 0;
  Kind kind = Kind::bucket;
  bool bounded : 1 = false;
  bool used : 1 = false;  // since the hand was here

  // Somebody is inside a count; it goes with the last of them.
  bool may_go() const { return kind != Kind::count && !bounded; }
  bool full(Nanos now) const { return kind != Kind::count && state < now; }
};
static_assert(sizeof(Entry) == 40);

class alignas(64) Ledger::Shard {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  // Everything is called under it.
  std::mutex mutex;

  void belong_to(Room& room) { room_ = &room; }

  // kNone where there is none.
  std::uint32_t find(const Key& key, Kind kind);
  // Makes it where there is none. Until the next call of anything.
  Entry& get(const Key& key, Kind kind, Nanos now);
  // The last entry takes its place.
  void drop(std::uint32_t at);
  // Evicts one, where that is possible without looking far.
  bool evict(Nanos now);
  // Gives back chunks that nothing is in.
  void trim() { release_beyond(0); }

  std::uint32_t size() const { return size_; }
  std::uint64_t evicted() const { return evicted_; }
  std::size_t memory() const;
  Entry& entry(std::uint32_t at) { return chunks_[at / kPerChunk]->entries[at % kPerChunk]; }

 private:
  static constexpr std::uint32_t kPerChunk = 256;

  struct Chunk {
    Entry entries[kPerChunk];
    std::uint32_t heads[kPerChunk];
  };
  // Straight from the system and back to it: freed to the heap, they would stay there for good.
  struct Unmap {
    void operator()(Chunk* chunk) const;
  };
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kMapped = (sizeof(Chunk) + kPage - 1) / kPage * kPage;
  using ChunkOwner = std::unique_ptr<Chunk, Unmap>;
  static ChunkOwner map_chunk();

  std::uint32_t& head(std::uint32_t at) { return chunks_[at / kPerChunk]->heads[at % kPerChunk]; }
  std::uint32_t head_of(std::uint64_t low) const;
  // The head that `last` was split from when it came.
  static std::uint32_t parent_of(std::uint32_t last) { return last - std::bit_floor(last); }

  Entry& make(const Key& key, Kind kind, Nanos now);
  std::uint32_t append();
  std::uint32_t victim(Nanos now);
  void set_bounded(Entry& entry, bool bounded);
  std::uint32_t& link_to(std::uint32_t at);
  void unlink(std::uint32_t at) { link_to(at) = entry(at).next; }
  void link(std::uint32_t at);
  void release_beyond(std::size_t spare);

  Room* room_ = nullptr;
  std::vector<ChunkOwner> chunks_;
  std::uint32_t size_ = 0;
  std::uint32_t hand_ = 0;  // where the search for one to evict goes on
  std::uint64_t evicted_ = 0;
};

}  // namespace sluice::limits
