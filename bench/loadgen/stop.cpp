#include "loadgen/stop.hpp"

#include <signal.h>

namespace sluice::bench {
namespace {

volatile sig_atomic_t requests = 0;

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { requests = requests + 1; };
  // Without SA_RESTART, so that the signal also ends the wait in progress.
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int stop_requests() { return requests; }

}  // namespace sluice::bench
