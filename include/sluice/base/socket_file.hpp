// The file of a listening unix socket: what it may replace when it is made, and its removal in the end.
#pragma once

#include "sluice/base/address.hpp"

#include <string>
#include <sys/types.h>

namespace sluice {

// What stands in the way of a unix socket, as far as a look at the path shows it.
struct SocketObstacle {
  std::string what;             // empty: nothing
  bool may_go_by_then = false;  // a directory that a service manager makes at start
};
SocketObstacle socket_obstacle(const SocketAddress& address);

// Owns the file, not the socket. The file is removed with this object, if it is still the one we made.
class SocketFile {
 public:
  SocketFile() = default;
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  ~SocketFile() { remove(); }

  static constexpr mode_t kByUmask = 0777;
  // Makes a socket that listens at the address of a path. What was there is replaced only if it is a socket
  // (no link to one) on which nobody answers: a file that a killed process left. Everything else stays and is
  // an error. Processes that start at the same time take turns. `fd` is the caller's, -1 after an error.
  // `mode`: of the file, exactly, or as the umask has it. Returns "" or what went wrong.
  std::string listen(const SocketAddress& address, int backlog, mode_t mode, int& fd);
  void remove();

 private:
  std::string bind(const SocketAddress& address, mode_t mode, int fd);

  std::string path_;
  // Holds the inode, so that its number is nobody else's while we compare by it.
  int pin_ = -1;
};

}  // namespace sluice
