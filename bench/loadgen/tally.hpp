// What became of the requests. Only those due within the measured time are counted here.
#pragma once

#include "loadgen/connection.hpp"
#include "loadgen/histogram.hpp"
#include "loadgen/usage.hpp"

#include <array>
#include <cstdint>

namespace sluice::bench {

struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t ok = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t unsent = 0;
  std::array<std::uint64_t, failure_kinds> failures{};
  std::array<std::uint64_t, 10> statuses{};  // by class: [2] is 2xx

  std::uint64_t failed() const {
    std::uint64_t sum = 0;
    for (const auto count : failures)
      sum += count;
    for (std::size_t status_class = 4; status_class < statuses.size(); ++status_class)
      sum += statuses[status_class];
    return sum;
  }
  std::uint64_t scheduled() const { return sent + unsent; }
};

struct LoadResult {
  Tally measured;
  std::uint64_t warmup_sent = 0;
  std::uint64_t warmup_lost = 0;  // failed or unanswered before the measured time
  Histogram latency;              // from the intended start; answers with any status
  Histogram service;              // from the actual start
  Histogram lag;                  // how late the generator started a request it had a connection for
  std::uint64_t bytes_received = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_lost = 0;  // closed by the server between requests
  Usage own;                           // within the measured time
  bool interrupted = false;
};

}  // namespace sluice::bench
