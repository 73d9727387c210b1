// How a pool chooses among its servers: what the operator wrote, as values.
#pragma once

#include "sluice/base/clock.hpp"

#include <cstdint>
#include <string>

namespace sluice::upstream {

enum class BalanceKind : std::uint8_t { least_connections, round_robin, random_two, least_time, hash };
enum class KeySource : std::uint8_t { client_ip, tenant, path, header, cookie };

// What of a request decides its server, with BalanceKind::hash.
struct KeySpec {
  KeySource source = KeySource::client_ip;
  std::string name;  // of the header (in any case) or the cookie (in this case)
};

struct BalanceSpec {
  BalanceKind kind = BalanceKind::least_connections;
  KeySpec key;  // for hash
  // For hash: the most of its fair share of the load that a server gets; above 100, or 0: no bound.
  std::uint32_t bound_percent = 125;
  Nanos decay = 10'000'000'000;  // for least_time: after so long an estimate counts for a third
  Nanos slow_start = 0;          // a recovered server comes back over this time; 0: at once
};

}  // namespace sluice::upstream
