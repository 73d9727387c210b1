// Refuses a request that announces a longer body than it may have (413). One that does not announce its
// length is cut by its codec, at the same bound (http::ServerSettings::max_body).
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
  const std::uint64_t most_;  // bytes
};

}  // namespace sluice::policy
