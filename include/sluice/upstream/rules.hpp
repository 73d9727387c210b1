// What the operator wants done where servers fail or are full.
#pragma once

#include "sluice/config/pool.hpp"

#include <optional>

namespace sluice::upstream {

struct Rules {
  config::Retry retry;
  std::optional<config::Outlier> outlier;
  config::Panic panic;
  std::optional<config::Queue> queue;
  std::optional<config::Sticky> sticky;
};

}  // namespace sluice::upstream
