// The power of two choices (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001): two
// servers at random, by weight, and of them the one with fewer requests under way for its weight. Nearly as
// even as least connections, at a cost that does not grow with the number of servers, and without the herd
// that forms when many balancers know the same least loaded one.
#pragma once

#include "sluice/base/hash.hpp"
#include "sluice/upstream/balance/policy.hpp"

#include <vector>

namespace sluice::upstream {

// Draws an index by weight in constant time (Walker 1977, built as Vose 1991 does). Immutable.
class AliasTable {
 public:
  explicit AliasTable(const Members& members);
  // `random`: 64 random bits. Not of an empty table.
  std::size_t draw(std::uint64_t random) const {
    const std::size_t column = static_cast<std::size_t>((random >> 32) * columns_.size() >> 32);
    return static_cast<std::uint32_t>(random) < columns_[column].limit ? column : columns_[column].alias;
  }

 private:
  struct Column {
    std::uint64_t limit;  // of 2^32: below it the column itself, else its alias
    std::size_t alias;
  };
  std::vector<Column> columns_;
};

class RandomTwo final : public Policy {
 public:
  // `table` is of the members that will be picked from, and outlives this.
  RandomTwo(const AliasTable& table, std::uint64_t seed) : table_(table), random_(seed) {}
  std::size_t pick(const Candidates& candidates, const Key& key) override;

 private:
  std::size_t draw(const Candidates& candidates, std::size_t other_than);
  std::size_t search(const Candidates& candidates, std::size_t other_than);

  const AliasTable& table_;
  FastRandom random_;
};

}  // namespace sluice::upstream
