// What was found, for people and for programs.
#pragma once

#include "loadgen/capacity.hpp"
#include "loadgen/idle.hpp"
#include "loadgen/load.hpp"
#include "loadgen/options.hpp"

#include <string>

namespace sluice::bench {

std::string load_text(const LoadOptions& options, const LoadResult& result);
std::string load_json(const LoadOptions& options, const LoadResult& result);

std::string capacity_text(const CapacityOptions& options, const CapacityResult& result);
std::string capacity_json(const CapacityOptions& options, const CapacityResult& result);

std::string idle_text(const IdleResult& result);
std::string idle_json(const IdleResult& result);

}  // namespace sluice::bench
