// The policies of one route, in the order of the catalogue.
#pragma once

#include "sluice/policy/policy.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace sluice::policy {

class Chain {
 public:
  // Never empty: a route without policies has no chain, and pays nothing.
  explicit Chain(std::vector<std::unique_ptr<const Policy>> policies) : policies_(std::move(policies)) {}

  // Asks one after the other, until one answers.
  Policy::Verdict admit(Visit& visit) const {
    for (const auto& policy : policies_) {
      if (policy->admit(visit) == Policy::Verdict::answered) return Policy::Verdict::answered;
    }
    return Policy::Verdict::pass;
  }
  // All of them in reverse, also over an answer that one of them made: an error page is a page of the house.
  void shape(Visit& visit) const {
    for (auto at = policies_.rbegin(); at != policies_.rend(); ++at)
      (*at)->shape(visit);
  }
  const std::vector<std::unique_ptr<const Policy>>& all() const { return policies_; }

 private:
  std::vector<std::unique_ptr<const Policy>> policies_;
};

}  // namespace sluice::policy
