// Rates and requests under way: who has had enough is told so (429) and when to come back; everybody else is
// told what is left.
#pragma once

#include "sluice/policy/catalogue.hpp"
#include "sluice/policy/policy.hpp"

#include <vector>

namespace sluice::policy {

class Limits final : public Policy {
 public:
  // Of the kinds rate and concurrency, in the order in which they are asked.
  explicit Limits(std::vector<LimitUse> uses) : uses_(std::move(uses)) {}
  std::string_view name() const override { return "limits"; }
  Verdict admit(Visit& visit) const override;
  void shape(Visit& visit) const override;

 private:
  const std::vector<LimitUse> uses_;
};

}  // namespace sluice::policy
