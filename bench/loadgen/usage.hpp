// What this process costs, by the kernel's account.
#pragma once

#include "loadgen/clock.hpp"

namespace sluice::bench {

struct Usage {
  Nanoseconds at = 0;       // when it was taken
  Nanoseconds cpu = 0;      // time on a processor, user and system
  Nanoseconds waiting = 0;  // time ready to run but not running: somebody else had the processor

  static Usage take();
  Usage operator-(const Usage& earlier) const {
    return {at - earlier.at, cpu - earlier.cpu, waiting - earlier.waiting};
  }
};

}  // namespace sluice::bench
