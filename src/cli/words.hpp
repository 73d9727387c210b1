// What may be wrong with words that the command line has understood.
#pragma once

#include "cli/command_line.hpp"

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::cli {

// One of a few words was wanted; empty where it is one.
std::string unfit(std::string_view what, const std::string& word, std::span<const std::string_view> known);

// Whether an argument, or an option, was given.
using Given = std::function<bool(const char* name)>;
// What is wrong with them for `pool`, with a duty, and for `ban` and `tenant`; empty: nothing.
std::string misfit_duty(const Options& options, const Given& given);
std::string misfit_order(std::string_view verb, const Options& options, const Given& given);

}  // namespace sluice::cli
