// What `sluice pool` prints.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace sluice::cli {

// A line for each server of `pools` (as /api/pools has them), under a line for each pool.
std::string pools_table(const boost::json::value& pools);

}  // namespace sluice::cli
