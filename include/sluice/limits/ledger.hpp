// Buckets and counts of the whole process, by key: the one place that all workers write, so that a limit is
// exact however many of them there are. Outlives every plan.
//
// A bucket that is full, and a count of nothing, need not be remembered; what is remembered is bounded, and
// the least recently used goes first. 56 bytes each. Sharded by key, each shard under a lock of its own that
// is held for some tens of nanoseconds.
#pragma once

#include "sluice/limits/key.hpp"
#include "sluice/limits/terms.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace sluice::limits {

class Ledger {
 public:
  static constexpr std::size_t kDefaultMost = 1'000'000;

  Ledger();
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // How many keys are remembered; those in use, and bounded ones, beyond that.
  void set_most(std::size_t keys);

  struct Taken {
    bool passed = false;
    double left = 0;  // tokens, after what was taken
    Nanos wait = 0;   // not passed: when it will, if nobody else takes any; for more than `burst`: never
    Nanos full = 0;   // until the bucket is full again
  };
  // Takes `tokens` (1..burst) out of the bucket, or none. `now` may be a little behind that of other workers.
  Taken take(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now);
  // As if they had not been taken, for a request that something else turned away.
  void give_back(const Key& key, const Terms& terms, std::uint64_t tokens);
  // Takes them in any case; the answer is how long to wait until they are there.
  Nanos reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now);

  struct Entered {
    bool passed = false;
    std::uint32_t inside = 0;  // with this one, if it passed
  };
  // One more under way, unless there are `most`. Each that passed is to leave().
  Entered enter(const Key& key, std::uint32_t most);
  void leave(const Key& key);

  // The terms of a limit have changed: what was taken out of its buckets stays taken, in tokens.
  void settle(std::uint32_t limit, const Terms& old, const Terms& next, Nanos now);
  // A tenant, or a limit, is no more. What is under way still leaves.
  void forget_tenant(std::uint32_t tenant);
  void forget_limit(std::uint32_t limit);
  // Forgets what need not be remembered, and gives memory back. Takes its time, and no lock for long.
  void sweep(Nanos now);

  std::size_t size() const;       // keys remembered
  std::uint64_t evicted() const;  // so far, to make room, while they still meant something
  std::size_t memory() const;     // bytes

 private:
  class Shard;
  static constexpr std::size_t kShards = 256;

  Shard& shard_of(const Key& key) const;
  template <class Change>
  void change_all(Change change);

  std::unique_ptr<Shard[]> shards_;
};

}  // namespace sluice::limits
