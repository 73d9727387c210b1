// Time limits that may be set on several levels.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/config/document.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <initializer_list>
#include <optional>

namespace sluice::plan {

// The first that is set, from the most specific level up.
template <class T>
std::optional<T> first_of(std::initializer_list<std::optional<T>> levels) {
  for (const auto& level : levels) {
    if (level) return level;
  }
  return std::nullopt;
}

inline Nanos pick(std::initializer_list<std::optional<config::Duration>> levels, config::Duration otherwise) {
  return nanos(first_of(levels).value_or(otherwise));
}

// What `specific`, of a route or a tenant, leaves open is as on the `pool`, and that as in the `document`.
upstream::Limits upstream_limits(const config::Document& document, const config::Timeouts& pool,
                                 const config::Timeouts& specific);

}  // namespace sluice::plan
