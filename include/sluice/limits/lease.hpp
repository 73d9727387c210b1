// One bucket that several nodes count together, as one of them has it: the tokens it may hand out by itself,
// those it handed out and has yet to tell of, and what it last heard. A value, without clock and wire: what
// it wants to ask the store, and what comes back, somebody else carries.
//
// A node asks for a few tokens at a time (a lease), so that a request seldom waits for anybody, and never for
// the store. What is handed out beyond the lease is owed, and taken from the store's bucket with the next
// ask, whatever is left in it: over time nothing passes beyond the rate. The store's bucket counts leases as
// taken, so that what all nodes hand out differs from the truth by one lease each.
#pragma once

#include "sluice/limits/terms.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::limits {

class Lease {
 public:
  // For the store, which does it all at once.
  struct Ask {
    Terms terms;
    std::int64_t settle = 0;  // tokens to take in any case; below 0: to put back
    std::int64_t want = 0;    // tokens to take of what is there then, as far as there are any
    double at_least = 0;      // of a store that may have forgotten: so many are taken already
  };
  struct Answer {
    std::int64_t granted = 0;  // 0..want
    double taken = 0;          // out of the bucket after it, by all nodes; may be more than its burst
  };

  // With whom it is counted.
  struct Reach {
    std::uint32_t joined = 0;  // which time it is that the store is reached; 0: it is not, count alone
    std::uint32_t nodes = 1;   // that count in it
  };

  struct Taken {
    bool passed = false;
    double left = 0;
    Nanos wait = 0;
    Nanos full = 0;
  };
  Taken take(const Terms& terms, std::uint64_t tokens, Nanos now, Reach reach);
  // As if they had not been taken.
  void give_back(std::uint64_t tokens);

  // Whether it wants to ask now, and has not yet.
  bool wants_to_ask(Nanos now, Reach reach) const;
  // It waits for an answer from now on.
  Ask ask(Nanos now);
  // Instead: puts back what it holds.
  Ask give_up(Nanos now, Reach reach);
  void answered(const Answer& answer, Nanos now, Reach reach);

  bool asking() const { return asking_; }
  bool holds() const { return held_ > 0; }
  bool owes() const { return owed_ > 0; }
  Nanos used() const { return used_; }
  // Nothing would be lost if it were forgotten.
  bool means_nothing(Nanos now, Reach reach) const;

  // Tokens of one lease: a twentieth of the burst, or what comes back in 100 ms if that is less.
  static std::int64_t size(const Terms& terms);

 private:
  void pass_time(const Terms& terms, Nanos now);
  void join(Reach reach);
  bool may_owe(std::int64_t more, Reach reach, Nanos now) const;
  std::int64_t lacks() const { return std::max(std::max(size(terms_), needed_) - held_, std::int64_t{0}); }
  double room() const { return static_cast<double>(terms_.burst) - taken_; }
  Nanos time_of(double tokens) const;

  Terms terms_;
  double taken_ = 0;  // out of the bucket as far as is known here, with what is held and what is owed
  Nanos at_ = 0;      // the instant of taken_
  Nanos used_ = 0;
  Nanos asked_at_ = 0;
  Nanos ask_after_ = 0;  // before there can be nothing in the bucket
  std::int64_t held_ = 0;
  std::int64_t owed_ = 0;     // and nobody was told
  std::int64_t told_ = 0;     // the same, on its way to the store
  std::int64_t needed_ = 0;   // by a request that was refused for want of an answer
  std::uint32_t joined_ = 0;  // as Reach
  bool asking_ = false;
  bool known_ = false;   // taken_ is more than a beginner's guess
  bool remind_ = false;  // the next ask tells a store that was out of reach how much is taken
};

}  // namespace sluice::limits
