// From what a pool's `health` says to the checks of its servers.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"
#include "sluice/upstream/health/checker.hpp"

#include <memory>

namespace sluice::plan {

// `pool` has `health`; `wire` is its servers'. What is wrong is added to `diagnostics`.
std::shared_ptr<const upstream::CheckPlan> make_checks(const config::Document& document,
                                                       const config::Pool& pool,
                                                       const std::shared_ptr<const upstream::Wire>& wire,
                                                       config::Diagnostics& diagnostics);

// Whether its checks go over TLS and verify nothing, and nobody said that they should not.
bool checks_blindly(const config::Pool& pool);

}  // namespace sluice::plan
