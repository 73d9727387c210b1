#include "loadgen/usage.hpp"

#include <fstream>

namespace sluice::bench {

Usage Usage::take() {
  Usage usage;
  usage.at = now();
  timespec cpu{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  usage.cpu = static_cast<Nanoseconds>(cpu.tv_sec) * per_second + static_cast<Nanoseconds>(cpu.tv_nsec);
  // "<running> <waiting> <slices>"; kernels without scheduler statistics have no such file, and waiting stays
  // 0.
  Nanoseconds running = 0;
  std::ifstream("/proc/self/schedstat") >> running >> usage.waiting;
  return usage;
}

}  // namespace sluice::bench
