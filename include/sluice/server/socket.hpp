// Listening sockets, and the service manager's socket.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/socket_file.hpp"

#include <string>
#include <vector>

namespace sluice::server {

// The descriptors of one listening address, for each worker its own. Owns them.
class ListeningSockets {
 public:
  ListeningSockets() = default;
  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) noexcept;
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;
  ~ListeningSockets();

  // Binds and listens, once for each worker by SO_REUSEPORT, so that the kernel spreads connections over
  // workers that share nothing. Unix sockets are bound once and shared. An address that another process
  // listens on is an error even where that process would allow the sharing: two Sluices would each get half
  // of the traffic. Returns "" or what went wrong.
  std::string bind(const SocketAddress& address, unsigned workers);
  // Duplicates of listening sockets of one address that were inherited. Every one has a worker that accepts
  // on it, and every worker has one; where there are fewer than workers, they share.
  std::string adopt(const std::vector<int>& inherited, unsigned workers);

  const SocketAddress& address() const { return address_; }  // with the port the kernel chose
  // Gives up the descriptors of one worker; the caller owns them.
  std::vector<int> release(unsigned worker);
  // Of a unix socket that was bound here.
  SocketFile take_file() { return std::move(file_); }

 private:
  static std::string bind_one(const SocketAddress& address, bool reuse_port, int& fd);
  std::string bind_shared(const SocketAddress& address, unsigned workers);
  std::string add_duplicate(unsigned worker, int fd);
  void close_all();

  SocketAddress address_;
  std::vector<std::vector<int>> fds_;  // by worker
  SocketFile file_;
};

// Tells the service manager (sd_notify(3)); does nothing when there is none. `state` such as "READY=1".
void notify_service_manager(const std::string& state);

}  // namespace sluice::server
