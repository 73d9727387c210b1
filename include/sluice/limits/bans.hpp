// Clients that are to be answered nothing but "no" for a while: those that a limit refused again and again,
// and those that an operator named.
//
// A request looks only where there may be a ban, and takes a lock only where there most likely is one for
// its client: a filter of counters, which every ban is in, is read without.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/limits/key.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::limits {

// When refusals make a ban.
struct BanTerms {
  std::uint32_t after = 0;  // refusals within `window`
  Nanos window = 0;
  Nanos lasts = 0;
};

struct Ban {
  AddressBlock block;
  std::string tenant = {};    // it holds for requests to this one only; empty: for all
  std::string limit = {};     // that made it; empty: an operator did
  std::string reason = {};    // the operator's
  Nanos since = 0;            // by the steady clock
  Nanos until = 0;            // by the steady clock
  std::uint64_t refused = 0;  // requests so far
  bool by_hand() const { return limit.empty(); }
};

class Strikes;

class Bans {
 public:
  // Where there are more, those made by limits that end first go first; those by hand stay.
  static constexpr std::size_t kMost = 100'000;
  static constexpr std::size_t kMostByHand = 10'000;

  Bans();
  ~Bans();
  Bans(const Bans&) = delete;
  Bans& operator=(const Bans&) = delete;

  // Whether there may be any: all that a request pays while there is none.
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }

  // What a client that is banned is told.
  struct Found {
    bool by_hand = false;
    Nanos until = 0;
    std::string limit;
    AddressBlock block;
  };
  // The ban of a client, for requests to `tenant` only; empty: for all requests. One by hand before one by a
  // limit, then the one that lasts longest. Counts a refused request. Any thread.
  std::optional<Found> find(const IpAddress& client, std::string_view tenant, Nanos now);

  // A limit refused a request of `client`, of which `bits` of the 128 count. `tenant`: the ban is for
  // requests to this one only; empty: for all. `key` is what refusals are counted by. Any thread.
  void strike(const Key& key, const BanTerms& terms, const IpAddress& client, unsigned bits,
              std::string_view tenant, std::string_view limit, Nanos now);

  // These no limit bans, and no ban by a limit holds for: the proxies in front, whose mistakes must not cut
  // off everybody behind them.
  void spare(AddressSet proxies);
  // Is told of each ban that a limit makes, on the thread that struck. Before the first strike.
  void on_ban(std::function<void(const Ban&)> told) { told_ = std::move(told); }

  // By hand; replaces the one of the same block and tenant, and counts on where that is by hand. False: there
  // are too many by hand.
  bool add(Ban ban);
  // False: there is none.
  bool lift(const AddressBlock& block, std::string_view tenant, Nanos now);
  // Those that hold, by hand first, then those that end last.
  std::vector<Ban> list(Nanos now) const;
  // Forgets what is over.
  void sweep(Nanos now);

  std::size_t size() const { return count_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }  // requests so far

 private:
  class Table;
  // What is read without the lock: a counter for each of some digests, and which lengths blocks have, in
  // bits, for all requests and for those to one tenant.
  struct Filter {
    // So many that most are empty with kMost bans, and no counter can overflow.
    static constexpr std::size_t kSlots = 1U << 19U;
    std::array<std::array<std::atomic<std::uint64_t>, 3>, 2> lengths{};
    std::array<std::atomic<std::uint8_t>, kSlots> slots{};
    bool may_have(const Key& key) const {
      return slots[key.high % kSlots].load(std::memory_order_relaxed) != 0;
    }
  };

  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<Filter*> filter_{nullptr};  // the table's; empty until the first ban
  mutable std::mutex mutex_;              // of the table
  std::unique_ptr<Table> table_;
  std::mutex strikes_mutex_;
  std::unique_ptr<Strikes> strikes_;
  std::function<void(const Ban&)> told_;
};

}  // namespace sluice::limits
