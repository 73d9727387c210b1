// How much of a response may go when: buckets of bytes, its own or shared with others, of which the slowest
// rules. A value without a clock; see paced_body.hpp for who waits.
//
// Bytes are taken ahead, and go when they are there: so those who share a bucket have their turns one after
// the other, and however many they are, no more than burst + rate * time go. How many one takes follows from
// how long he had to wait for his last turn, which all of them see alike: nobody gets more than another.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/limits/ledger.hpp"

#include <cstdint>
#include <vector>

namespace sluice::policy {

class Pacer {
 public:
  // `ledger` outlives it.
  explicit Pacer(limits::Ledger& ledger) : ledger_(&ledger) {}
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;
  Pacer(Pacer&& other) noexcept;
  ~Pacer();

  // A bucket of this response alone, and one that is shared by all that have the key.
  void add(const limits::Terms& terms) { add({}, terms, true); }
  void add(const limits::Key& key, const limits::Terms& terms) { add(key, terms, false); }
  bool empty() const { return lanes_.empty(); }

  // How many of `bytes` that are here may go; 0: none before due().
  std::uint64_t grant(std::uint64_t bytes, Nanos now);
  Nanos due() const { return due_; }
  // Nothing is here: what was taken ahead is for the others.
  void idle();

 private:
  struct Lane {
    limits::Key key;
    limits::Terms terms;
    bool own;
    Nanos full_at;  // of an own one
  };

  void add(const limits::Key& key, const limits::Terms& terms, bool own);
  bool behind(Nanos now) const;
  bool take(std::uint64_t bytes, Nanos now);
  bool take(Lane& lane, std::uint64_t bytes, Nanos now);
  void reserve(std::uint64_t bytes, Nanos now);
  std::uint64_t share() const;
  Nanos reserve(Lane& lane, std::uint64_t bytes, Nanos now);
  void give_back(Lane& lane, std::uint64_t bytes);

  limits::Ledger* ledger_;
  std::vector<Lane> lanes_;
  // The least of all of them.
  std::uint64_t step_ = UINT64_MAX;
  std::uint64_t turn_ = UINT64_MAX;
  std::uint64_t burst_ = UINT64_MAX;
  std::uint64_t reserved_ = 0;  // taken, but not gone
  Nanos waited_ = 0;            // for what was taken last
  Nanos due_ = 0;               // when that may go; 0: it could at once
};

}  // namespace sluice::policy
