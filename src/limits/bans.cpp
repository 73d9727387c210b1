#include "sluice/limits/bans.hpp"

#include "limits/strikes.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace sluice::limits {
namespace {

constexpr std::size_t kLengths = 129;  // of blocks, in bits
// Bans that one hold of the lock forgets.
constexpr std::size_t kAtOnce = 512;

Key key_of(const AddressBlock& block, std::string_view tenant) {
  KeyMaker maker("ban");
  const char bits = static_cast<char>(block.bits);
  maker.add(block.address);
  maker.add({&bits, 1});
  maker.add(tenant);
  return maker.key();
}

}  // namespace

// Everything here is under the lock.
class Bans::Table {
 public:
  using Ends = std::multimap<Nanos, Key>;
  struct Entry {
    Ban ban;
    Ends::iterator end;
  };

  explicit Table(Bans& bans) : bans_(bans) {}

  Ban* find(const Key& key) {
    const auto found = entries_.find(key);
    return found != entries_.end() ? &found->second.ban : nullptr;
  }
  bool spares(const IpAddress& client) const { return spared_.contains(client); }
  void spare(AddressSet proxies) { spared_ = std::move(proxies); }
  std::size_t by_hand() const { return ends_[1].size(); }

  void put(Ban ban) {
    const Key key = key_of(ban.block, ban.tenant);
    drop(key);
    if (entries_.size() >= kMost && !ends_[0].empty()) drop(ends_[0].begin()->second);
    const auto end = ends_[ban.by_hand() ? 1 : 0].emplace(ban.until, key);
    count_in(ban, key, 1);
    entries_.emplace(key, Entry{std::move(ban), end});
  }

  void drop(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    const Ban& ban = found->second.ban;
    count_in(ban, key, -1);
    ends_[ban.by_hand() ? 1 : 0].erase(found->second.end);
    entries_.erase(found);
  }

  // Some of those that are over; false: there is none left.
  bool drop_over(Nanos now) {
    std::size_t dropped = 0;
    for (Ends& ends : ends_) {
      for (; !ends.empty() && ends.begin()->first <= now && dropped < kAtOnce; ++dropped)
        drop(Key(ends.begin()->second));
    }
    return dropped == kAtOnce;
  }

  template <class F>
  void for_each(F f) const {
    for (const auto& [key, entry] : entries_)
      f(entry.ban);
  }

 private:
  // Into what is read without the lock, or out of it.
  void count_in(const Ban& ban, const Key& key, int by) {
    const std::size_t scope = ban.tenant.empty() ? 0 : 1;
    std::uint32_t& of_length = of_lengths_[scope][ban.block.bits];
    of_length += static_cast<std::uint32_t>(by);
    Filter& filter = get_filter();
    auto& word = filter.lengths[scope][ban.block.bits / 64];
    const std::uint64_t bit = std::uint64_t{1} << (ban.block.bits % 64);
    if (of_length == 0) {
      word.fetch_and(~bit, std::memory_order_relaxed);
    } else {
      word.fetch_or(bit, std::memory_order_relaxed);
    }
    filter.slots[key.high % Filter::kSlots].fetch_add(static_cast<std::uint8_t>(by),
                                                      std::memory_order_relaxed);
    bans_.count_.fetch_add(static_cast<std::uint32_t>(by), std::memory_order_relaxed);
  }

  Filter& get_filter() {
    if (filter_ == nullptr) {
      filter_ = std::make_unique<Filter>();
      bans_.filter_.store(filter_.get(), std::memory_order_release);
    }
    return *filter_;
  }

  Bans& bans_;
  std::unique_ptr<Filter> filter_;
  std::unordered_map<Key, Entry, KeyHash, KeyEqual> entries_;
  std::array<Ends, 2> ends_;  // by limits, by hand
  std::array<std::array<std::uint32_t, kLengths>, 2> of_lengths_{};
  AddressSet spared_;
};

Bans::Bans() : table_(std::make_unique<Table>(*this)), strikes_(std::make_unique<Strikes>()) {}
Bans::~Bans() = default;

std::optional<Bans::Found> Bans::find(const IpAddress& client, std::string_view tenant, Nanos now) {
  std::optional<Found> out;
  const Filter* const filter = filter_.load(std::memory_order_acquire);
  if (filter == nullptr) return out;
  const auto& lengths = filter->lengths[tenant.empty() ? 0 : 1];
  for (unsigned word = 0; word < lengths.size(); ++word) {
    for (std::uint64_t left = lengths[word].load(std::memory_order_relaxed); left != 0; left &= left - 1) {
      const unsigned bits = word * 64 + static_cast<unsigned>(std::countr_zero(left));
      const AddressBlock block{client.prefix(bits), bits};
      if (!block.contains(client)) continue;  // of the other family
      const Key key = key_of(block, tenant);
      if (!filter->may_have(key)) continue;
      const std::lock_guard lock(mutex_);
      Ban* const ban = table_->find(key);
      if (ban == nullptr || ban->until <= now || (!ban->by_hand() && table_->spares(client))) continue;
      ++ban->refused;
      if (!out || std::tuple(ban->by_hand(), ban->until) > std::tuple(out->by_hand, out->until))
        out = Found{ban->by_hand(), ban->until, ban->limit, ban->block};
    }
  }
  if (out) refused_.fetch_add(1, std::memory_order_relaxed);
  return out;
}

void Bans::strike(const Key& key, const BanTerms& terms, const IpAddress& client, unsigned bits,
                  std::string_view tenant, std::string_view limit, Nanos now) {
  {
    const std::lock_guard lock(strikes_mutex_);
    if (!strikes_->add(key, terms.after, terms.window, now)) return;
  }
  Ban ban{.block = {client.prefix(bits), bits},
          .tenant = std::string(tenant),
          .limit = std::string(limit),
          .since = now,
          .until = now + terms.lasts};
  {
    const std::lock_guard lock(mutex_);
    if (table_->spares(client)) return;
    // One by hand stands, and so does a longer one.
    const Ban* const before = table_->find(key_of(ban.block, tenant));
    if (before != nullptr && before->until > now && (before->by_hand() || before->until >= ban.until)) return;
    table_->put(ban);
  }
  if (told_) told_(ban);
}

void Bans::spare(AddressSet proxies) {
  const std::lock_guard lock(mutex_);
  table_->spare(std::move(proxies));
}

bool Bans::add(Ban ban) {
  const std::lock_guard lock(mutex_);
  const Ban* const before = table_->find(key_of(ban.block, ban.tenant));
  const bool again = before != nullptr && before->by_hand();
  if (!again && table_->by_hand() >= kMostByHand) return false;
  if (again) ban.refused = before->refused;
  table_->put(std::move(ban));
  return true;
}

bool Bans::lift(const AddressBlock& block, std::string_view tenant, Nanos now) {
  const Key key = key_of(block, tenant);
  const std::lock_guard lock(mutex_);
  const Ban* const ban = table_->find(key);
  const bool held = ban != nullptr && ban->until > now;
  table_->drop(key);
  return held;
}

std::vector<Ban> Bans::list(Nanos now) const {
  std::vector<Ban> out;
  {
    const std::lock_guard lock(mutex_);
    table_->for_each([&](const Ban& ban) {
      if (ban.until > now) out.push_back(ban);
    });
  }
  std::sort(out.begin(), out.end(), [](const Ban& a, const Ban& b) {
    return std::tuple(a.by_hand(), a.until) > std::tuple(b.by_hand(), b.until);
  });
  return out;
}

void Bans::sweep(Nanos now) {
  for (bool more = true; more;) {
    const std::lock_guard lock(mutex_);
    more = table_->drop_over(now);
  }
  const std::lock_guard lock(strikes_mutex_);
  strikes_->sweep(now);
}

}  // namespace sluice::limits
