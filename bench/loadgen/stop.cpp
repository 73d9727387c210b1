#include "loadgen/stop.hpp"

#include <atomic>
#include <signal.h>

namespace sluice::bench {
namespace {

std::atomic<int> requests{0};
static_assert(std::atomic<int>::is_always_lock_free);  // or a handler must not touch it

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { ++requests; };
  // Without SA_RESTART, so that the signal also ends the wait in progress.
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int stop_requests() { return requests; }

}  // namespace sluice::bench
