#include "loadgen/idle.hpp"

#include "loadgen/source.hpp"
#include "loadgen/stop.hpp"
#include "loadgen/sweep.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

constexpr std::uint32_t stdin_tag = UINT32_MAX;

// What happens to connections at rest matters only in the end.
class Indifferent final : public Observer {
 public:
  void opened(const Connection& /*connection*/) override {}
  void finished(const Connection& /*connection*/, Token /*token*/, const Outcome& /*outcome*/) override {}
  void closed(const Connection& /*connection*/, Closed /*how*/) override {}
};

// Whether standard input has ended. Called only when there is something to read.
bool input_ended() {
  std::array<char, 4096> ignored{};
  return ::read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0;
}

void hold(Fleet& fleet, Indifferent& indifferent) {
  fleet.observe(indifferent);
  // A file or /dev/null cannot be waited for; then only a signal ends the run.
  fleet.poller().add(STDIN_FILENO, stdin_tag, EPOLLIN);
  bool ended = false;
  while (!ended && stop_requests() == 0)
    fleet.wait(per_second, [&](std::uint32_t) { ended = input_ended(); });
}

}  // namespace

IdleResult run_idle(const IdleOptions& options) {
  const auto catalogue = make_catalogue(options);
  Indifferent indifferent;  // outlives the fleet, which refers to it
  Fleet fleet(options, *catalogue, Share{});
  IdleResult result;
  result.asked = fleet.size();
  const auto opened = open_all(fleet, options.timeout);
  if (opened.done == 0) throw std::runtime_error(no_connection(options, opened.last_failure));
  result.not_opened = opened.failed;
  if (options.request_first) result.first_failed = request_all(fleet, *catalogue, options.timeout).failed;
  result.held = fleet.count_open();
  fmt::print("ready\n");
  (void)std::fflush(stdout);
  hold(fleet, indifferent);
  const auto left = fleet.count_open();
  result.lost = result.held - left;
  if (options.request_last) {
    const auto swept = request_all(fleet, *catalogue, options.timeout);
    result.last_ok = swept.done;
    result.last_failed = swept.failed;
  }
  return result;
}

}  // namespace sluice::bench
