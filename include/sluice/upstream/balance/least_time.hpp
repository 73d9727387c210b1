// The server that will answer soonest: its latency (upstream/latency.hpp) times the requests it has to do,
// this one included, for its weight.
#pragma once

#include "sluice/upstream/balance/policy.hpp"

namespace sluice::upstream {

class LeastTime final : public Policy {
 public:
  explicit LeastTime(Nanos decay) : decay_(decay) {}
  std::size_t pick(const Candidates& candidates, const Key& key) override;

 private:
  // The least that a server is believed to take, in nanoseconds.
  float least(const Candidates& candidates) const;

  Nanos decay_;
  std::size_t next_ = 0;  // after the last pick: the first of several equals from here on wins
};

}  // namespace sluice::upstream
