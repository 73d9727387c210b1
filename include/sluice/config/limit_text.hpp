// Limits in words, as the configuration has them.
#pragma once

#include "sluice/config/limit.hpp"

#include <cstdint>
#include <string>

namespace sluice::config {

// "50/s, burst 100, by tenant".
std::string describe(const Limit& limit);

// "counted in redis://10.0.0.1:6379, on outage local"; without user and password.
std::string describe(const LimitStore& store);

// "10MiB": exact.
std::string describe_size(std::uint64_t bytes);

}  // namespace sluice::config
