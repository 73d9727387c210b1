// Active health checks: every watched server is asked at an interval of its own, once in the process and not
// once per worker, on a thread of its own.
//
// The first checks of servers that are new run at once, spread out over at most a second, so that they come
// neither late nor all together; later ones keep apart by their jitter. A server that stays watched keeps
// what is known about it, whatever else a reload changes. A check opens a connection, because whether a
// server accepts is part of the question; those of the next seconds use it again, until one fails.
#pragma once

#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/health/check_rules.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace sluice::upstream {

class Expectation;

// The checks of one pool. Immutable.
struct CheckPlan {
  struct As {
    std::string tenant;
    std::string host;
  };

  // What the rules say, without the rest; body_regex must compile.
  explicit CheckPlan(CheckRules rules);

  CheckRules rules;
  std::shared_ptr<const Expectation> expectation;
  std::shared_ptr<const Wire> wire;  // of the checks; not empty
  std::vector<As> tenants;           // whom a round of checks asks as; empty: nobody in particular
  std::string tenant_header;         // empty: the host alone tells the tenant
};

struct Watched {
  std::shared_ptr<Endpoint> endpoint;
  std::shared_ptr<const CheckPlan> plan;
  // It gets no requests yet: `start` says whether it may before its first check, and that check decides.
  bool fresh = true;
};

class Checker {
 public:
  Checker();
  // Checks under way are given up.
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // From now on these are watched and no others; those no longer watched count as up. When it returns, fresh
  // servers have the state their plan starts with. Any thread but its own.
  void watch(const std::vector<Watched>& all);
  // Waits until every watched server has been checked, at most so long, and no longer than until give_up();
  // whether that came to be.
  bool wait_for_first(std::chrono::milliseconds limit);
  // Nobody waits from now on. Any thread.
  void give_up();

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::upstream
