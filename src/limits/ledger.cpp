#include "sluice/limits/ledger.hpp"

#include "limits/shard.hpp"

#include <algorithm>
#include <limits>

namespace sluice::limits {
namespace {

// Time is reckoned in whole 65536ths of a nanosecond: what one token takes is rounded once, which is a
// hundred-millionth of it where a million come back in a second, and nothing after that.
__extension__ using Fine = __int128;
constexpr Fine kFine = 65536;
// Centuries; beyond it there is nothing to tell apart.
constexpr Fine kFarthest = Fine{std::numeric_limits<Nanos>::max() / 2} * kFine;

// Entries that one hold of a lock goes through.
constexpr std::uint32_t kAtOnce = 512;
constexpr std::size_t kEvictAtOnce = 64;
// And one sweep, about: some tens of milliseconds.
constexpr std::size_t kSweepAtMost = 4'000'000;

Fine fine(const Terms& terms, std::uint64_t tokens) {
  return static_cast<Fine>(terms.per_token * static_cast<double>(kFine) + 0.5) * static_cast<Fine>(tokens);
}

// Rounded up: whoever waits so long has waited long enough.
Nanos whole(Fine time) { return static_cast<Nanos>((std::min(time, kFarthest) + kFine - 1) / kFine); }

// How long the bucket takes to be full again.
Fine debt_of(const Entry& entry, Nanos now) {
  return std::max<Fine>((Fine{entry.state} - now) * kFine + entry.part, 0);
}

void owe(Entry& entry, Fine debt, Nanos now) {
  const Fine at = std::min(Fine{now} * kFine + debt, kFarthest);
  entry.state = static_cast<Nanos>(at / kFine);
  entry.part = static_cast<std::uint16_t>(at % kFine);
}

// Tokens stay the same when what one takes to come back does not. A millionth less of them, so that rounding
// never makes a whole one of it that is not there.
void convert(Entry& entry, const Terms& terms, Nanos now) {
  constexpr double kLess = 1 - 1e-6;
  const auto per_token = static_cast<float>(terms.per_token);
  if (entry.per_token == per_token) return;
  if (const Fine debt = debt_of(entry, now); debt != 0) {
    const double tokens = static_cast<double>(debt) / static_cast<double>(entry.per_token);
    owe(entry, static_cast<Fine>(tokens * terms.per_token * kLess), now);
  }
  entry.per_token = per_token;
}

// Whoever has taken more than there is room for now begins with an empty bucket.
void settle(Entry& entry, const Terms& terms, Nanos now) {
  convert(entry, terms, now);
  const Fine depth = fine(terms, terms.burst);
  if (entry.kind == Kind::bucket && debt_of(entry, now) > depth) owe(entry, depth, now);
}

// A little more than the quotient, so that a whole number of tokens does not become one less.
double left_of(Fine time, const Terms& terms) {
  constexpr double kMore = 1 + 1e-12;
  const double tokens = static_cast<double>(time) / static_cast<double>(fine(terms, 1)) * kMore;
  return std::clamp(tokens, 0.0, static_cast<double>(terms.burst));
}

}  // namespace

Ledger::Ledger() : shards_(std::make_unique<Shard[]>(kShards)) {
  for (std::size_t i = 0; i < kShards; ++i)
    shards_[i].belong_to(room_);
}
Ledger::~Ledger() = default;

void Ledger::set_most(std::size_t keys) { room_.most.store(keys, std::memory_order_relaxed); }

Ledger::Shard& Ledger::shard_of(const Key& key) const { return shards_[key.high % kShards]; }

Ledger::Taken Ledger::take(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now) {
  const Fine depth = fine(terms, terms.burst);
  const Fine wanted = fine(terms, tokens);
  Fine debt = 0;
  Taken out;
  Shard& shard = shard_of(key);
  {
    const std::lock_guard lock(shard.mutex);
    Entry& entry = shard.get(key, Kind::bucket, now);
    convert(entry, terms, now);
    debt = debt_of(entry, now);  // more than its depth where `now` is behind
    out.passed = debt + wanted <= depth;
    if (out.passed) owe(entry, debt + wanted, now);
  }
  if (out.passed) {
    debt += wanted;
  } else {
    out.wait = whole(debt + wanted - depth);
  }
  out.full = whole(debt);
  out.left = left_of(depth - debt, terms);
  return out;
}

// By the terms that the bucket has, which may be others by now.
void Ledger::give_back(const Key& key, const Terms& terms, std::uint64_t tokens) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  std::uint32_t at = shard.find(key, Kind::bucket);
  if (at == Shard::kNone) at = shard.find(key, Kind::queue);
  if (at == Shard::kNone) return;
  Entry& entry = shard.entry(at);
  const bool settled = entry.per_token != static_cast<float>(terms.per_token);
  const Terms own = settled ? Terms{static_cast<double>(entry.per_token), terms.burst} : terms;
  const Fine back = Fine{entry.state} * kFine + entry.part - fine(own, tokens);
  owe(entry, std::max<Fine>(back, 0), 0);
}

Nanos Ledger::reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now) {
  const Fine wanted = fine(terms, tokens);
  Fine debt = 0;
  Shard& shard = shard_of(key);
  {
    const std::lock_guard lock(shard.mutex);
    Entry& entry = shard.get(key, Kind::queue, now);
    convert(entry, terms, now);
    debt = debt_of(entry, now) + wanted;
    owe(entry, debt, now);
  }
  return std::max<Nanos>(whole(debt - fine(terms, terms.burst)), 0);
}

bool Ledger::try_reserve(const Key& key, const Terms& terms, std::uint64_t tokens, Nanos now) {
  const Fine depth = fine(terms, terms.burst);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Entry& entry = shard.get(key, Kind::queue, now);
  convert(entry, terms, now);
  const Fine debt = debt_of(entry, now) + fine(terms, tokens);
  if (debt > depth) return false;
  owe(entry, debt, now);
  return true;
}

Ledger::Entered Ledger::enter(const Key& key, std::uint32_t most) {
  if (most == 0) return {};
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Entry& entry = shard.get(key, Kind::count, 0);
  const bool passed = entry.state < most;
  if (passed) ++entry.state;
  return {passed, static_cast<std::uint32_t>(entry.state)};
}

void Ledger::leave(const Key& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const std::uint32_t at = shard.find(key, Kind::count);
  if (at != Shard::kNone && --shard.entry(at).state == 0) shard.drop(at);
}

// From the end: what takes the place of one that went was seen already, or came later. `look` may see an
// entry twice, and says whether it is to go. Answers how many it went through.
template <class Look>
std::size_t Ledger::visit(Shard& shard, Look look) {
  std::size_t seen = 0;
  std::uint32_t at = Shard::kNone;
  do {
    const std::lock_guard lock(shard.mutex);
    at = std::min(at, shard.size());
    const std::uint32_t end = at - std::min(at, kAtOnce);
    seen += at - end;
    while (at > end) {
      if (look(shard.entry(--at))) shard.drop(at);
    }
  } while (at != 0);
  return seen;
}

void Ledger::change(const Changes& changes, Nanos now) {
  for (std::size_t i = 0; i < kShards; ++i) {
    visit(shards_[i], [&](Entry& entry) {
      if (entry.kind == Kind::count) return false;
      if (changes.limits_gone.contains(entry.limit) || changes.tenants_gone.contains(entry.tenant))
        return true;
      const auto changed = changes.limits.find(entry.limit);
      if (changed != changes.limits.end()) settle(entry, changed->second, now);
      return false;
    });
  }
}

void Ledger::sweep(Nanos now) {
  std::size_t seen = 0;
  std::size_t at = swept_.load(std::memory_order_relaxed);
  for (std::size_t left = kShards; left > 0 && seen < kSweepAtMost; --left, at = (at + 1) % kShards) {
    seen += visit(shards_[at], [now](const Entry& entry) { return entry.full(now); });
    make_room(shards_[at], left, now);
  }
  swept_.store(at, std::memory_order_relaxed);
}

// One of `shards` that have too many between them.
void Ledger::make_room(Shard& shard, std::size_t shards, Nanos now) {
  const std::size_t taken = room_.taken.load(std::memory_order_relaxed);
  const std::size_t most = room_.most.load(std::memory_order_relaxed);
  std::size_t beyond = taken > most ? (taken - most + shards - 1) / shards : 0;
  bool found = true;
  do {
    const std::lock_guard lock(shard.mutex);
    for (std::size_t i = std::min(beyond, kEvictAtOnce); i > 0 && found; --i, --beyond)
      found = shard.evict(now);
    shard.trim();
  } while (beyond > 0 && found);
}

std::size_t Ledger::size() const {
  return sum_of([](const Shard& shard) { return shard.size(); });
}

std::uint64_t Ledger::evicted() const {
  return sum_of([](const Shard& shard) { return shard.evicted(); });
}

std::size_t Ledger::memory() const {
  return kShards * sizeof(Shard) + sum_of([](const Shard& shard) { return shard.memory(); });
}

template <class Part>
std::size_t Ledger::sum_of(Part part) const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::lock_guard lock(shards_[i].mutex);
    out += part(shards_[i]);
  }
  return out;
}

}  // namespace sluice::limits
