// What the process remembers of its clients, whatever configuration runs: shared by all workers, and by every
// plan. Made before the first worker and ended after the last.
#pragma once

#include "sluice/limits/bans.hpp"
#include "sluice/limits/ledger.hpp"
#include "sluice/limits/shared.hpp"
#include "sluice/limits/tally.hpp"

namespace sluice::limits {

struct State {
  Ledger ledger;
  Bans bans;
  Shared shared;
  Tally tally;
};

}  // namespace sluice::limits
