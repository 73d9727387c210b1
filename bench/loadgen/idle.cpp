#include "loadgen/idle.hpp"

#include "loadgen/fleet.hpp"
#include "loadgen/stop.hpp"

#include <array>
#include <cstdio>
#include <sys/epoll.h>
#include <unistd.h>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

constexpr std::uint32_t stdin_tag = UINT32_MAX;

// Whether standard input has ended. Called only when there is something to read.
bool input_ended() {
  std::array<char, 4096> ignored{};
  return ::read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0;
}

void hold(Fleet& fleet) {
  // A file or /dev/null cannot be waited for; then only a signal ends the run.
  fleet.poller().add(STDIN_FILENO, stdin_tag, EPOLLIN);
  bool ended = false;
  while (!ended && stop_requests() == 0)
    fleet.wait(
        per_second, [](std::uint32_t, Connection::Progress) {},
        [&](std::uint32_t) { ended = input_ended(); });
}

}  // namespace

IdleResult run_idle(const IdleOptions& options) {
  Fleet fleet(options);
  IdleResult result;
  result.asked = fleet.size();
  result.not_opened = fleet.open_all(options.timeout).failed;
  if (options.request_first) result.first_failed = fleet.request_all(options.timeout).failed;
  result.held = fleet.count_open();
  fmt::print("ready\n");
  (void)std::fflush(stdout);
  hold(fleet);
  const auto left = fleet.count_open();
  result.lost = result.held - left;
  if (options.request_last) {
    const auto swept = fleet.request_all(options.timeout);
    result.last_ok = swept.done;
    result.last_failed = swept.failed;
  }
  return result;
}

}  // namespace sluice::bench
