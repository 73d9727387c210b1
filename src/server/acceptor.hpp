// One listening descriptor of one worker. Whatever accept(2) answers, it costs no core: errors that concern
// the listener, and those of a process without descriptors, make it pause, longer each time.
#pragma once

#include "sluice/server/worker.hpp"

namespace sluice::server {

// Of accept(2): whether the error concerns the one connection, which is gone, and not those behind it.
bool concerns_connection(int error);

class Worker::Acceptor final : public net::Pollable {
 public:
  Acceptor(Worker& worker, std::uint32_t slot, int fd);
  ~Acceptor() override;
  std::uint32_t slot() const { return slot_; }
  // What waits in the backlog, before it closes.
  void accept_rest();

 private:
  void on_events(std::uint32_t events) override;
  // Accepts at most `most`; returns 0 or the error for which to pause.
  int accept(int most);
  void watch();
  void pause(int error);
  void went_well();
  static void on_resume(void* self);

  Worker& worker_;
  std::uint32_t slot_;
  int fd_;
  bool watched_ = false;
  Nanos pause_;
  net::Deadline resume_;
  bool troubled_ = false;
};

}  // namespace sluice::server
