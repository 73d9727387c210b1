// The connections of a run and what they share: where they go, what they send, where they read to.
#pragma once

#include "loadgen/connection.hpp"
#include "loadgen/options.hpp"
#include "loadgen/poller.hpp"
#include "loadgen/request.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice::bench {

class Fleet {
 public:
  // Resolves the URL's host; throws std::runtime_error.
  explicit Fleet(const TargetOptions& options);
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  std::uint32_t size() const { return static_cast<std::uint32_t>(connections_.size()); }
  Connection& operator[](std::uint32_t index) { return connections_[index]; }
  Poller& poller() { return poller_; }

  std::uint32_t count_open() const;
  std::uint64_t bytes_received() const;

  // Waits for events and tells visit(index, progress) about every connection that got somewhere. Events with
  // a tag that is no connection's go to other(tag).
  template <class Visit, class Other>
  void wait(Nanoseconds limit, Visit visit, Other other) {
    for (const auto& event : poller_.wait(limit)) {
      const std::uint32_t index = event.data.u32;
      if (index >= size()) {
        other(index);
        continue;
      }
      const auto progress = connections_[index].advance(event.events, scratch_);
      if (progress != Connection::Progress::none) visit(index, progress);
    }
  }
  template <class Visit>
  void wait(Nanoseconds limit, Visit visit) {
    wait(limit, visit, [](std::uint32_t) {});
  }

  struct Swept {
    std::uint32_t done = 0;
    std::uint32_t failed = 0;
    std::string last_failure;
  };
  // Opens every connection, or sends one request on every one that is open and waits for the answer; a
  // bounded number at a time, for what follows is to be measured, not this. open_all() throws
  // std::runtime_error when not one could be opened.
  Swept open_all(Nanoseconds timeout);
  Swept request_all(Nanoseconds timeout);

 private:
  using Step = Connection::Progress (Connection::*)();
  Swept sweep(const std::vector<std::uint32_t>& indices, Step step, Nanoseconds timeout);

  Poller poller_;
  toolkit::SslContext tls_;
  Destination destination_;
  Requests requests_;
  std::vector<Connection> connections_;
  std::vector<char> scratch_;
};

}  // namespace sluice::bench
