// One thread's part of a run: its connections, its share of the schedule, its tally.
#pragma once

#include "loadgen/counters.hpp"
#include "loadgen/fleet.hpp"
#include "loadgen/options.hpp"
#include "loadgen/resting.hpp"
#include "loadgen/schedule.hpp"
#include "loadgen/sweep.hpp"
#include "loadgen/tally.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace sluice::bench {

class Worker final : private Observer {
 public:
  // `options` and `catalogue` must outlive the worker. Throws std::runtime_error.
  Worker(const LoadOptions& options, const Catalogue& catalogue, Share share);

  // Opens the connections, unless each request brings its own. What came of it.
  Swept open();

  // Runs until the schedule has ended and everything is answered, or the grace time is over. `end` may be
  // brought forward by another thread.
  void run(Schedule schedule, const std::atomic<Nanoseconds>& end);

  Share share() const { return share_; }
  const Counters& counters() const { return counters_; }  // from any thread
  const Tally& tally() const { return tally_; }           // after run()

 private:
  // What a token stands for.
  struct Request {
    Nanoseconds intended = 0;
    Nanoseconds started = 0;
    std::uint32_t connection = 0;
    unsigned logged_class = 0;
    bool active = false;
    bool measured = false;
  };

  void opened(const Connection& connection) override;
  void finished(const Connection& connection, Token token, const Outcome& outcome) override;
  void closed(const Connection& connection, Closed how) override;

  void start_due(Schedule& schedule);
  void start(Schedule& schedule, Resting::Place place, Nanoseconds due, Nanoseconds time);
  void count_answer(const Request& request, unsigned status, Nanoseconds time);
  void count_failure(const Request& request, Failure failure);
  void check_timeouts(Nanoseconds time);
  Nanoseconds time_to_wait(const Schedule& schedule, Nanoseconds deadline) const;

  const LoadOptions& options_;
  const Catalogue& catalogue_;
  Share share_;
  Fleet fleet_;
  Resting resting_;
  std::vector<std::uint32_t> parked_;  // by connection: places that wait until it has closed
  std::vector<Request> requests_;
  std::vector<Token> free_;
  Nanoseconds next_check_ = 0;
  Counters counters_;
  Tally tally_;
};

}  // namespace sluice::bench
