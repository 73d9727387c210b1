// The threads of a run. Each does the same to its own worker; whoever started them may watch meanwhile.
#pragma once

#include "loadgen/usage.hpp"
#include "loadgen/worker.hpp"

#include <deque>
#include <exception>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

namespace sluice::bench {

class Crew {
 public:
  // Starts a thread for each worker, and returns when all of them run. Signals are left to this thread.
  Crew(std::deque<Worker>& workers, const std::function<void(Worker&)>& work);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  const std::vector<ThreadMeter>& threads() const { return meters_; }

  // Waits until all have done their work. Their threads, and with them threads(), exist until then. Throws
  // what one of them has thrown.
  void finish();

 private:
  std::vector<ThreadMeter> meters_;
  std::vector<std::exception_ptr> errors_;
  std::latch running_;
  std::latch dismissed_{1};
  bool is_dismissed_ = false;
  std::vector<std::thread> members_;
};

}  // namespace sluice::bench
