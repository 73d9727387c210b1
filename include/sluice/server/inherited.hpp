// Listening sockets that the service manager handed over (sd_listen_fds(3)).
#pragma once

#include "sluice/base/address.hpp"

#include <string>
#include <vector>

namespace sluice::server {

// Why descriptor `fd` cannot be a listener: it must be a stream socket of a family that we serve, and listen.
// Empty when it can.
std::string misfit(int fd);

// They stay open until give_up(): listeners work on duplicates, so that what a refused reload has adopted, or
// a later one closed, can be adopted again. Their holder keeps them open as well.
class InheritedSockets {
 public:
  InheritedSockets() = default;
  InheritedSockets(InheritedSockets&& other) noexcept : sockets_(std::move(other.sockets_)) {
    other.sockets_.clear();
  }
  InheritedSockets& operator=(InheritedSockets&&) = delete;
  ~InheritedSockets() { give_up(); }

  // Takes what the environment tells of and clears it there. To be called before this process opens anything
  // itself: a count that is too high would name our own descriptors. What cannot be a listener is closed, and
  // told in one warning.
  static InheritedSockets from_environment();
  // Takes over `count` descriptors from `first` on.
  static InheritedSockets take(int first, int count);

  // All that listen on this address: several where they share it by SO_REUSEPORT.
  std::vector<int> at(const SocketAddress& address) const;
  std::vector<SocketAddress> addresses() const;
  void give_up();

 private:
  struct Socket {
    int fd;
    SocketAddress address;
  };
  std::vector<Socket> sockets_;
};

}  // namespace sluice::server
