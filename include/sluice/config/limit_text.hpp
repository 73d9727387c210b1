// Limits in words, as the configuration has them.
#pragma once

#include "sluice/config/limit.hpp"

#include <cstdint>
#include <string>

namespace sluice::config {

// "50/s, burst 100, by tenant".
std::string describe(const Limit& limit);

// "10MiB": exact.
std::string describe_size(std::uint64_t bytes);

}  // namespace sluice::config
