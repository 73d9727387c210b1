// The connections of one thread and what they share: where they go, what they send, where they read to.
#pragma once

#include "loadgen/connection.hpp"
#include "loadgen/options.hpp"
#include "loadgen/poller.hpp"
#include "loadgen/schedule.hpp"
#include "loadgen/tls.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace sluice::bench {

class Fleet {
 public:
  // The share of the run's connections; `catalogue` and `options` must outlive the fleet. Resolves the URL's
  // host; throws std::runtime_error.
  Fleet(const TargetOptions& options, const Catalogue& catalogue, Share share);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(connections_.size()); }
  const Connection& operator[](std::uint32_t index) const { return connections_[index]; }
  Poller& poller() { return poller_; }
  std::uint32_t count_open() const;
  std::uint64_t bytes_received() const { return around_.bytes_received; }

  void observe(Observer& observer) { around_.observer = &observer; }

  void open(std::uint32_t index) { connections_[index].open(); }
  // Sent at the latest with flush().
  void request(std::uint32_t index, Token token, const Ask& ask) {
    connections_[index].request(token, ask);
    if (flushes_) unflushed_.push_back(index);
  }
  void flush();
  void cancel(std::uint32_t index, Token token, Failure failure) {
    connections_[index].cancel(token, failure);
  }
  void give_up(std::uint32_t index, Failure failure) { connections_[index].give_up(failure); }

  // Waits for events and passes them to the connections. Events with a tag that is no connection's go to
  // other(tag).
  template <class Other>
  void wait(Nanoseconds limit, Other other) {
    resume_due();
    for (const auto& event : poller_.wait(until_resume(limit))) {
      const std::uint32_t index = event.data.u32;
      if (index >= size()) {
        other(index);
        continue;
      }
      connections_[index].advance(event.events);
      note_pause(index);
    }
  }
  void wait(Nanoseconds limit) {
    wait(limit, [](std::uint32_t) {});
  }

 private:
  using Resume = std::pair<Nanoseconds, std::uint32_t>;

  void note_pause(std::uint32_t index) {
    if (const auto at = connections_[index].resume_at()) resumes_.emplace(*at, index);
  }
  void resume_due();
  Nanoseconds until_resume(Nanoseconds limit) const;

  Poller poller_;
  TlsClient tls_;
  std::vector<char> scratch_;
  Surroundings around_;
  std::deque<Connection> connections_;  // they do not move
  bool flushes_;
  std::vector<std::uint32_t> unflushed_;
  std::priority_queue<Resume, std::vector<Resume>, std::greater<>> resumes_;  // of slow readers
};

}  // namespace sluice::bench
