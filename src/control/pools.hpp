// What runs of the pools, for people and for Prometheus.
#pragma once

#include "sluice/observe/metrics.hpp"
#include "sluice/proxy/pipeline.hpp"

#include <vector>

#include <boost/json/array.hpp>

namespace sluice::control {

// As `GET /api/pools` says it; see docs/operations.md.
boost::json::array pools_json(const proxy::Runtime& runtime);

std::vector<observe::PoolSample> pool_samples(const proxy::Runtime& runtime);
std::vector<observe::ServerSample> server_samples(const proxy::Runtime& runtime);

}  // namespace sluice::control
