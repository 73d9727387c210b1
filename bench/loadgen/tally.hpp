// What became of the requests of one thread, or of all. Only those due within the measured time are counted
// in `measured`.
#pragma once

#include "loadgen/failure.hpp"
#include "loadgen/histogram.hpp"

#include <array>
#include <cstdint>

namespace sluice::bench {

constexpr std::size_t status_classes = 10;  // [2] is 2xx

struct Requests {
  std::uint64_t sent = 0;
  std::uint64_t ok = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t unsent = 0;
  std::uint64_t waited = 0;     // were due while every connection was taken
  std::uint64_t as_logged = 0;  // of a replay: answered with the logged class of status
  std::uint64_t not_as_logged = 0;
  std::array<std::uint64_t, failure_kinds> failures{};
  std::array<std::uint64_t, status_classes> statuses{};
  std::array<std::uint64_t, status_classes> bad_statuses{};  // of these, what counts as failed

  std::uint64_t failed() const;
  std::uint64_t scheduled() const { return sent + unsent; }
  void merge(const Requests& other);
};

struct Tally {
  Requests measured;
  std::uint64_t warmup_sent = 0;
  std::uint64_t warmup_lost = 0;  // failed or unanswered before the measured time
  Histogram latency;              // from the intended start; answers with any status
  Histogram service;              // from the actual start
  Histogram lag;                  // how late the generator started a request it had a connection for
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_lost = 0;  // closed by the server between requests
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;

  void merge(const Tally& other);
};

}  // namespace sluice::bench
