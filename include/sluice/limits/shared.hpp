// Buckets that several processes count together, in a store that all of them reach. Workers take tokens here
// and wait for nobody; a thread of the store's own carries what the buckets ask, and the answers.
//
// Sharded as the ledger is, each shard under a lock that is held for some tens of nanoseconds. Bounded as it
// is, the least recently used going first: what is taken stands in the store, so that little is forgotten.
#pragma once

#include "sluice/limits/lease.hpp"
#include "sluice/limits/ledger.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::limits {

// What to do while the store cannot be reached: count alone, let all pass, or none.
enum class Outage : std::uint8_t { local, open, closed };

class Shared {
 public:
  Shared();
  ~Shared();
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  // As Ledger::take(), and at once, whatever the store is doing. `name`: what the bucket is called on every
  // node (KeyMaker::text()).
  Ledger::Taken take(const Key& key, std::string_view name, const Terms& terms, std::uint64_t tokens,
                     Nanos now);
  // As if they had not been taken, for a request that something else turned away.
  void give_back(const Key& key, std::uint64_t tokens);

  void set_most(std::size_t keys);
  std::size_t size() const;
  std::uint64_t evicted() const;
  std::size_t memory() const;

  // The rest is for the thread of the store.

  class Waker {
   public:
    // Buckets have something to ask. On a thread that serves, and not again before collect().
    virtual void wake() = 0;

   protected:
    ~Waker() = default;
  };
  // Once, before anything is taken; must live as long as anything is.
  void set_waker(Waker& waker) { waker_ = &waker; }

  struct Ask {
    Key key;
    std::string name;  // in the store: tells the limit, and nothing of the client
    Lease::Ask lease;
  };
  // What buckets want to ask now: `most` of it at once.
  std::vector<Ask> collect(std::size_t most, Nanos now);
  void answered(const Key& key, const Lease::Answer& answer, Nanos now);

  // From now on the store is asked, which so many nodes count in. Called again when their number changes.
  void join(std::uint32_t nodes);
  // How many count together now, with this one; 0: it is not reached.
  std::uint32_t nodes() const;
  // It is not reached any more.
  void lose(Outage outage);
  // There is none yet, or none any more: each node counts alone.
  void leave();

  // Forgets buckets that are full. What leases nobody used for a second are to be put back. Now and then.
  std::vector<Ask> tidy(Nanos now);

 private:
  struct Shard;
  static constexpr std::size_t kShards = 256;

  Shard& shard_of(const Key& key) const;
  Lease::Reach reach() const;
  void want(const Key& key);
  std::vector<Ask> give_up_leases(Nanos now);
  void forget_full(Nanos now);

  std::unique_ptr<Shard[]> shards_;
  Waker* waker_ = nullptr;
  std::atomic<std::uint32_t> joined_{0};  // how often; 0 while the store is not reached
  std::atomic<std::uint32_t> nodes_{1};
  std::atomic<Outage> outage_{Outage::local};

  std::mutex wanting_mutex_;
  std::vector<Key> wanting_;  // buckets that have something to ask, each once

  // Of the store's thread alone.
  struct Held {
    Key key;
    Nanos look_at = 0;
  };
  std::deque<Held> held_;  // leases, each looked at once a second
  std::uint32_t times_joined_ = 0;
  Nanos forgot_at_ = 0;
};

}  // namespace sluice::limits
