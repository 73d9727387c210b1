// The servers of one pool at one time, and how one of them is chosen, with what is worked out for that once
// for all workers. Immutable; made where it delays no request.
#pragma once

#include "sluice/upstream/balance/policy.hpp"
#include "sluice/upstream/balance/random_two.hpp"
#include "sluice/upstream/balance/spec.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace sluice::upstream {

class Group {
 public:
  Group(BalanceSpec spec, Members members);

  const BalanceSpec& spec() const { return spec_; }
  const Members& members() const { return members_; }
  bool has_backups() const { return has_backups_; }

  // A policy of the kind that `spec` names; it must not be used longer than the group lives. `seed`: another
  // for each worker, so that not all make the same choices at the same time.
  std::unique_ptr<Policy> make_policy(std::uint64_t seed) const;

 private:
  BalanceSpec spec_;
  Members members_;
  bool has_backups_;
  std::optional<AliasTable> table_;   // for random_two
  std::vector<std::uint64_t> names_;  // for hash
};

}  // namespace sluice::upstream
