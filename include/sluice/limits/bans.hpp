// Clients that are to be answered nothing but "no" for a while: those that a limit refused again and again,
// and those that an operator named.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/limits/key.hpp"

#include <atomic>
#include <cstdint>
#include <string_view>

namespace sluice::limits {

// When refusals make a ban.
struct BanTerms {
  std::uint32_t after = 0;  // refusals within `window`
  Nanos window = 0;
  Nanos lasts = 0;
};

class Bans {
 public:
  // Whether there may be any: all that a request pays while there is none.
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }

  // A limit refused a request of `client`, of which `bits` of the 128 count. `tenant`: the ban is for
  // requests to this one only; empty: for all. `key` is what refusals are counted by.
  void strike(const Key& key, const BanTerms& terms, const IpAddress& client, unsigned bits,
              std::string_view tenant, std::string_view limit, Nanos now);

 private:
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace sluice::limits
