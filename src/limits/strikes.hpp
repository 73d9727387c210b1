// How often whom was refused lately, until it is often enough for a ban.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/limits/key.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

namespace sluice::limits {

struct KeyHash {
  std::size_t operator()(const Key& key) const { return key.low; }
};
struct KeyEqual {
  bool operator()(const Key& a, const Key& b) const { return a.low == b.low && a.high == b.high; }
};

// Up to kExact refusals each is remembered with its instant, so that a ban comes with the last of exactly so
// many within the window. Where more are wanted they are put together by parts of the window: then a refusal
// may count for so much longer than the window, never for less.
class Strikes {
 public:
  static constexpr std::uint32_t kExact = 128;
  // Beyond these, who was refused longest ago is forgotten.
  static constexpr std::size_t kMostKeys = 200'000;
  static constexpr std::size_t kMostMarks = 1'000'000;

  // Whether this one is the last of `after` within `window`; then counting begins anew.
  bool add(const Key& key, std::uint32_t after, Nanos window, Nanos now);
  // Forgets some of what does not count any more; does not take long.
  void sweep(Nanos now);
  std::size_t size() const { return recent_.size(); }

 private:
  // Refusals of one part of the window.
  struct Mark {
    Nanos part;
    std::uint32_t count;
  };
  struct Struck {
    Key key;
    Nanos window = 0;
    Nanos last = 0;
    std::uint32_t count = 0;       // of all marks
    std::vector<Mark> marks = {};  // oldest first
  };
  using Recent = std::list<Struck>;

  Struck& get(const Key& key);
  void drop(Recent::iterator at);

  Recent recent_;  // most recently struck first
  std::unordered_map<Key, Recent::iterator, KeyHash, KeyEqual> by_key_;
  std::size_t marks_ = 0;
};

}  // namespace sluice::limits
