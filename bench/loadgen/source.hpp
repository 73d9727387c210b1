// What the options ask to be sent, made ready.
#pragma once

#include "loadgen/catalogue.hpp"
#include "loadgen/options.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sluice::bench {

// Reads the files that the options name. Throws toolkit::UsageError and std::runtime_error.
std::unique_ptr<Catalogue> make_catalogue(const TargetOptions& options);

// The complaint when not one connection could be opened.
std::string no_connection(const TargetOptions& options, std::string_view last_failure);

}  // namespace sluice::bench
