// Buckets that several processes count together, in a store that all of them reach.
#pragma once

#include "sluice/limits/ledger.hpp"

#include <string_view>

namespace sluice::limits {

class Shared {
 public:
  // As Ledger::take(), and at once, whatever the store is doing. `name`: what the bucket is called on every
  // node (KeyMaker::text()).
  Ledger::Taken take(const Key& key, std::string_view name, const Terms& terms, std::uint64_t tokens,
                     Nanos now);
  // As Ledger::give_back().
  void give_back(const Key& key, const Terms& terms, std::uint64_t tokens);
};

}  // namespace sluice::limits
