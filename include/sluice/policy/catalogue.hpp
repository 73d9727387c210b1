// From what a route asks for to its policies.
#pragma once

#include "sluice/policy/chain.hpp"
#include "sluice/policy/limit.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

// What may be set of them; what is not set costs nothing.
struct Settings {
  std::optional<std::uint64_t> max_body;  // bytes of a request's body; 0: any number; unset: the listener's
  std::vector<LimitUse> limits;           // in the order of the configuration, each limit once
};

// Empty where nothing is set.
std::shared_ptr<const Chain> compile(const Settings& settings);

// The same policies in words, in the same order.
std::vector<std::string> describe(const Settings& settings);

}  // namespace sluice::policy
