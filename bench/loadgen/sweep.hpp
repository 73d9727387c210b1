// One step on every connection of a fleet, a bounded number at a time: for what follows is to be measured,
// not this.
#pragma once

#include "loadgen/fleet.hpp"

#include <cstdint>
#include <string>

namespace sluice::bench {

struct Swept {
  std::uint32_t done = 0;
  std::uint32_t failed = 0;
  std::uint32_t handshakes_full = 0;
  std::uint32_t handshakes_resumed = 0;
  std::string last_failure;
};

// Opens every connection.
Swept open_all(Fleet& fleet, Nanoseconds timeout);
// Sends a request on every connection that is open, and waits for the answer, whatever its status.
Swept request_all(Fleet& fleet, const Catalogue& catalogue, Nanoseconds timeout);

}  // namespace sluice::bench
