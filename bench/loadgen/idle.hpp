// Holding connections open: what a proxy pays for a client that says nothing.
#pragma once

#include "loadgen/options.hpp"

namespace sluice::bench {

struct IdleResult {
  std::uint32_t asked = 0;
  std::uint32_t not_opened = 0;
  std::uint32_t first_failed = 0;
  std::uint32_t held = 0;  // when "ready" was said
  std::uint32_t lost = 0;  // of those, closed by the server while held
  std::uint32_t last_ok = 0;
  std::uint32_t last_failed = 0;
};

// Opens, says "ready" on stdout, holds until stdin ends or a signal comes.
IdleResult run_idle(const IdleOptions& options);

}  // namespace sluice::bench
