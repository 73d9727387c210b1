// What /metrics says: totals of the process in Prometheus' text format 0.0.4. The counters themselves lie
// where they are counted; here they get their names.
#pragma once

#include "sluice/observe/totals.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::observe {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// One server of one pool.
struct ServerSample {
  std::string pool;
  std::string server;
  bool up = true;  // by its checks, its traffic and the operator
  std::uint32_t active = 0;
  std::uint64_t ejections = 0;
};

struct PoolSample {
  std::string pool;
  std::vector<std::pair<std::string, std::uint64_t>> retries;  // by reason
  std::uint32_t queued = 0;
  bool panic = false;
};

// The threads that workers hand slow work to.
struct OffloadSample {
  std::uint64_t queued = 0;
  std::uint64_t rejected = 0;
};

// What limits remember of clients.
struct LedgerSample {
  std::uint64_t keys = 0;
  std::uint64_t evicted = 0;
  std::uint64_t memory = 0;  // bytes
};

// How often a limit refused a tenant, or would have.
struct LimitSample {
  std::string limit;
  std::string tenant;
  std::uint64_t rejected = 0;
  std::uint64_t reported = 0;
};

// Bans, and tenants on hold.
struct OrderSample {
  std::uint64_t bans = 0;
  std::uint64_t banned_requests = 0;
  std::uint64_t held = 0;
};

// The store of limits that several nodes share.
struct StoreSample {
  bool configured = false;
  bool up = false;
  std::uint32_t nodes = 0;
  std::uint64_t leases = 0;
  std::uint64_t errors = 0;
};

struct Samples {
  Totals::Sum exchanges = {};
  std::vector<PoolSample> pools = {};
  std::vector<ServerSample> servers = {};
  OffloadSample offload = {};
  LedgerSample ledger = {};
  std::vector<LimitSample> limits = {};
  OrderSample orders = {};
  StoreSample store = {};
};

// All metrics as they stand now. Any thread.
std::string metrics_text(const Samples& samples);

}  // namespace sluice::observe
