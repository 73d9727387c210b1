#include "limits/strikes.hpp"

#include <algorithm>

namespace sluice::limits {
namespace {

// Of how many one sweep looks at.
constexpr int kLooks = 1000;

}  // namespace

bool Strikes::add(const Key& key, std::uint32_t after, Nanos window, Nanos now) {
  const Nanos part = after <= kExact ? 1 : std::max<Nanos>(window / kExact, 1);
  Struck& struck = get(key);
  // Clocks of workers are a little apart; marks stay in order.
  now = std::max(now, struck.last);
  struck.window = window;
  struck.last = now;
  std::vector<Mark>& marks = struck.marks;
  const auto counts = [&](const Mark& mark) { return (mark.part + 1) * part - 1 > now - window; };
  const auto first = std::find_if(marks.begin(), marks.end(), counts);
  std::for_each(marks.begin(), first, [&](const Mark& mark) { struck.count -= mark.count; });
  marks_ -= static_cast<std::size_t>(first - marks.begin());
  marks.erase(marks.begin(), first);
  if (!marks.empty() && marks.back().part == now / part) {
    ++marks.back().count;
  } else {
    marks.push_back({now / part, 1});
    ++marks_;
  }
  const bool enough = ++struck.count >= after;
  if (enough) drop(recent_.begin());
  while (recent_.size() > kMostKeys || marks_ > kMostMarks)
    drop(std::prev(recent_.end()));
  return enough;
}

Strikes::Struck& Strikes::get(const Key& key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
  } else {
    recent_.push_front({.key = key});
    by_key_.emplace(key, recent_.begin());
  }
  return recent_.front();
}

void Strikes::drop(Recent::iterator at) {
  marks_ -= at->marks.size();
  by_key_.erase(at->key);
  recent_.erase(at);
}

void Strikes::sweep(Nanos now) {
  for (int looked = 0; looked < kLooks && !recent_.empty(); ++looked) {
    const auto oldest = std::prev(recent_.end());
    if (now - oldest->last < oldest->window) return;
    drop(oldest);
  }
}

}  // namespace sluice::limits
