// So many bytes of response bodies in a second: paced, never refused. Whoever made the response, and whatever
// its length: heads are not counted, nor what passes through a tunnel.
#pragma once

#include "sluice/policy/catalogue.hpp"
#include "sluice/policy/policy.hpp"

#include <vector>

namespace sluice::policy {

class Bandwidth final : public Policy {
 public:
  // Of the kind bytes.
  explicit Bandwidth(std::vector<LimitUse> uses) : uses_(std::move(uses)) {}
  std::string_view name() const override { return "bandwidth"; }
  void shape(Visit& visit) const override;

 private:
  const std::vector<LimitUse> uses_;
};

}  // namespace sluice::policy
