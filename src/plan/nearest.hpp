// What is meant by a name that nothing has.
#pragma once

#include "sluice/config/diagnostics.hpp"
#include "sluice/config/load.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::plan {

// Behind so many errors nobody reads a guess, and with thousands of names each one takes its time.
inline constexpr std::size_t kMostGuesses = 100;

// The end of a message about `name`, which none of `things` has.
template <class Things>
std::string nearest_of(std::string_view name, const Things& things, const config::Diagnostics& diagnostics) {
  if (diagnostics.errors() >= kMostGuesses) return {};
  std::vector<std::string_view> known;
  known.reserve(things.size());
  for (const auto& thing : things)
    known.push_back(thing.name);
  return config::did_you_mean(name, known);
}

}  // namespace sluice::plan
