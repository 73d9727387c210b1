// What operators order while the process runs: tenants on hold, and bans by hand. What it comes to is in
// force, and on the disk, before it is acknowledged.
#pragma once

#include "sluice/control/steering.hpp"
#include "sluice/limits/bans.hpp"
#include "sluice/limits/holds.hpp"
#include "sluice/plan/plan.hpp"

#include "control/state_file.hpp"

#include <memory>
#include <string>

namespace sluice::control {

// Used by the steering thread alone.
class Orders {
 public:
  // `bans` outlives it.
  explicit Orders(limits::Bans& bans);

  // Takes over what is kept where the document says, or in the service's own directory. Once, before the
  // first request. Errors go to `diagnostics`.
  void begin(const config::Document& document, config::Diagnostics& diagnostics);
  // A reload may name another directory: what is in force is kept there from now on. Warns where it cannot,
  // and where others have left orders.
  void move(const config::Document& document, config::Diagnostics& diagnostics);

  OrderOutcome obey(const Order& order, const plan::Plan& plan);
  // Ends what is over; whether holds() changed.
  bool expire(Nanos now);
  // Those in force; empty: there are none.
  const std::shared_ptr<const limits::Holds>& holds() const { return holds_; }

 private:
  OrderOutcome hold(const Order& order, const plan::Plan& plan);
  OrderOutcome release(const Order& order, const plan::Plan& plan);
  OrderOutcome ban(const Order& order, const plan::Plan& plan);
  OrderOutcome lift(const Order& order, const plan::Plan& plan);
  // Keeps these holds, and these bans; says in `outcome` where that fails.
  bool keep(const limits::Holds& holds, const std::vector<limits::Ban>& bans, OrderOutcome& outcome) const;
  // The same where something is taken back, which must be possible also while nothing can be written.
  void keep_less(const limits::Holds& holds, const std::vector<limits::Ban>& bans,
                 OrderOutcome& outcome) const;
  limits::Holds in_force() const;
  void set_holds(limits::Holds holds);
  std::vector<limits::Ban> bans_by_hand() const;

  limits::Bans& bans_;
  std::shared_ptr<const limits::Holds> holds_;
  StateFile file_{""};
};

}  // namespace sluice::control
