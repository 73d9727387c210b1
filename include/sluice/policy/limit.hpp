// A named limit of the configuration, compiled: made once, and used by the policies of all routes and tenants
// that ask for it.
#pragma once

#include "sluice/config/limit.hpp"
#include "sluice/limits/terms.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace sluice::policy {

struct Limit {
  std::string name;
  std::uint32_t tag = 0;  // limits::tag_of(name)
  config::LimitKind kind = config::LimitKind::rate;
  limits::Terms terms;  // of a rate or of bytes
  std::uint32_t concurrency = 0;
  bool shared = false;  // counted together with other nodes; a rate only
};

std::shared_ptr<const Limit> make_limit(const config::Limit& from, bool shared);

// As a route has it.
struct LimitUse {
  std::shared_ptr<const Limit> limit;
  std::uint32_t cost = 1;  // 1..burst
};

}  // namespace sluice::policy
