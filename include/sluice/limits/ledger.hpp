// Buckets and counts of the whole process, by key: the one place that all workers write, so that a limit is
// exact however many of them there are. Outlives every plan. Any thread may call anything.
//
// A bucket that is full, and a count of nothing, need not be remembered; of what clients can make up, only so
// many are, and what was not used for long goes first. 44 bytes each. Sharded by key, each shard under a lock
// of its own that is held for some tens of nanoseconds.
#pragma once

#include "sluice/limits/key.hpp"
#include "sluice/limits/terms.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

namespace sluice::limits {

class Ledger {
 public:
  static constexpr std::size_t kDefaultMost = 1'000'000;

  Ledger();
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // How many buckets are remembered that are not bounded. Those beyond it go with the next sweep.
  void set_most(std::size_t keys);

  struct Taken {
    bool passed = false;
    double left = 0;  // tokens, after what was taken
    Nanos wait = 0;   // not passed: when it will, if nobody else takes any; for more than `burst`: never
    Nanos full = 0;   // until the bucket is full again
    // Not passed because the store of shared buckets is out of reach: nothing of the client's doing.
    bool unreachable = false;
  };
  // Takes `tokens` (1..burst) out of the bucket, or none. `now` may be a little behind that of other workers.
  // Exact: no rounding adds up, however many are taken.
  Taken take(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now);
  // As if they had not been taken, for a request that something else turned away. At the instant at which
  // they were: later they might have come back already.
  void give_back(const Key& key, const Terms& terms, std::uint64_t tokens);
  // Takes them in any case; the answer is how long to wait until they are there. Of another bucket than that
  // of take(): one that may owe more than it holds.
  Nanos reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now);

  // The same, if nobody has to wait for them; else none.
  bool try_reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now);

  struct Entered {
    bool passed = false;
    std::uint32_t inside = 0;  // with this one, if it passed
  };
  // One more under way, unless there are `most`. Each that passed is to leave(). Has nothing to do with a
  // bucket of the same key.
  Entered enter(const Key& key, std::uint32_t most);
  void leave(const Key& key);

  // What of another configuration matters to what is remembered. Names as tag_of() has them.
  struct Changes {
    // What was taken out of their buckets stays taken, in tokens. take() and reserve() see to that as well;
    // but buckets that nobody asks for would fill at the old pace until somebody does.
    std::unordered_map<std::uint32_t, Terms> limits = {};
    // No more, or counting something else by now.
    std::unordered_set<std::uint32_t> limits_gone = {};
    std::unordered_set<std::uint32_t> tenants_gone = {};

    bool empty() const { return limits.empty() && limits_gone.empty() && tenants_gone.empty(); }
  };
  // Goes once through all, without holding a lock for long. Who is inside still leaves.
  void change(const Changes& changes, Nanos now);
  // Forgets what need not be remembered, and gives memory back. As change(); of very many keys, a part with
  // each call.
  void sweep(Nanos now);

  std::size_t size() const;       // keys remembered
  std::uint64_t evicted() const;  // so far, to make room, while they still meant something
  std::size_t memory() const;     // bytes

 private:
  class Shard;
  // Of buckets that are not bounded.
  struct Room {
    std::atomic<std::size_t> most{kDefaultMost};
    std::atomic<std::size_t> taken{0};
  };
  static constexpr std::size_t kShards = 256;

  Shard& shard_of(const Key& key) const;
  template <class Look>
  static std::size_t visit(Shard& shard, Look look);
  void make_room(Shard& shard, std::size_t shards, Nanos now);
  template <class Part>
  std::size_t sum_of(Part part) const;

  Room room_;
  std::unique_ptr<Shard[]> shards_;
  std::atomic<std::size_t> swept_{0};  // the shard with which the next sweep begins
};

}  // namespace sluice::limits
