// How long a request's body may be here, whatever its listener says: longer, or not as long. The pipeline
// holds every request to its bound.
#pragma once

#include "sluice/policy/policy.hpp"

#include <cstdint>

namespace sluice::policy {

class BodyLimit final : public Policy {
 public:
  explicit BodyLimit(std::uint64_t most) : most_(most) {}
  std::string_view name() const override { return "max.body"; }
  Verdict admit(Visit& visit) const override;

 private:
  const std::uint64_t most_;  // bytes; 0: any number
};

}  // namespace sluice::policy
