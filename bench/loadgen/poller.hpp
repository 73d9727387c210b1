// epoll with nanosecond waits. Level-triggered: a connection is read once per event and never just to learn
// that it is empty.
#pragma once

#include "loadgen/clock.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <sys/epoll.h>

namespace sluice::bench {

class Poller {
 public:
  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  // Events come back with `tag`. A closed descriptor leaves by itself. False when the kernel refuses to watch
  // this kind of descriptor.
  bool add(int fd, std::uint32_t tag, std::uint32_t events) const {
    return control(EPOLL_CTL_ADD, fd, tag, events);
  }
  void modify(int fd, std::uint32_t tag, std::uint32_t events) const {
    control(EPOLL_CTL_MOD, fd, tag, events);
  }

  // Waits at most `wait`. An interrupted wait returns nothing.
  std::span<const epoll_event> wait(Nanoseconds wait);

 private:
  bool control(int operation, int fd, std::uint32_t tag, std::uint32_t events) const;

  int epoll_;
  std::array<epoll_event, 256> events_;
};

}  // namespace sluice::bench
