// Why an operator ordered something, in his own words: they go to logs, to the state file, and to insiders.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::control {

// Longer ones are refused.
inline constexpr std::size_t kLongestReason = 200;
// What is wrong with it; empty: nothing.
std::string unfit_reason(std::string_view reason);

}  // namespace sluice::control
