// Passive health: a server whose traffic fails is taken out for a while, for a longer one each time, and
// never more than a set share of the pool (the rules of Envoy's outlier detection).
//
// One per pool for the whole process: workers tell it what becomes of each try. While all goes well that is
// one relaxed load, and two additions where error rates are watched; the lock is for ejections.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/rules.hpp"

#include <atomic>
#include <mutex>
#include <string_view>

namespace sluice::upstream {

class Outliers {
 public:
  // A try at `endpoint`, one of `members`, is over; `why` it failed, or empty.
  void report(const OutlierRules& rules, const Members& members, Endpoint& endpoint, std::string_view why,
              Nanos now);

 private:
  void weigh(const OutlierRules& rules, const Members& members, Nanos now);
  static void eject(const OutlierRules& rules, Endpoint& endpoint, std::string_view why, Nanos now);

  std::atomic<Nanos> window_end_{0};  // of the error rates
  std::atomic<Nanos> no_room_until_{0};
  std::mutex mutex_;
};

}  // namespace sluice::upstream
