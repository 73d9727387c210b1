// What threads and processes cost, by the kernel's account.
#pragma once

#include "loadgen/clock.hpp"

#include <cstdint>
#include <sys/types.h>
#include <vector>

namespace sluice::bench {

// What one thread costs, for others to read while it lives.
class ThreadMeter {
 public:
  ThreadMeter() = default;
  ThreadMeter(const ThreadMeter&) = delete;
  ThreadMeter& operator=(const ThreadMeter&) = delete;
  ~ThreadMeter();

  // Called by the thread itself, once, before anybody reads.
  void attach();

  Nanoseconds cpu() const;
  Nanoseconds waiting() const;  // 0 where the kernel keeps no scheduler statistics

 private:
  clockid_t clock_ = 0;
  int schedstat_ = -1;  // kept open, for a run may use up all descriptors
};

// Of the generator's threads and, if one is asked for, of a server on this machine, since they started.
struct Usage {
  Nanoseconds at = 0;            // when it was taken
  std::vector<Nanoseconds> cpu;  // by thread: time on a processor, user and system
  std::vector<Nanoseconds>
      waiting;                 // by thread: ready to run but not running; somebody else had the processor
  Nanoseconds server_cpu = 0;  // of the server's process and all its children

  static Usage take(const std::vector<ThreadMeter>& threads, pid_t server);
};

// What was used between two moments.
struct Cost {
  Nanoseconds elapsed = 0;
  Nanoseconds cpu = 0;      // of all threads
  Nanoseconds busiest = 0;  // of the thread that used most
  Nanoseconds waiting = 0;  // of the thread that waited longest
  Nanoseconds server_cpu = 0;

  static Cost between(const Usage& earlier, const Usage& later);
};

}  // namespace sluice::bench
