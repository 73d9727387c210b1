// Listening sockets: made here, or handed over by systemd.
#pragma once

#include "sluice/base/address.hpp"

#include <string>
#include <vector>

namespace sluice::server {

// The descriptors of one listening address, one for each worker. Owns them.
class ListeningSockets {
 public:
  ListeningSockets() = default;
  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) noexcept;
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;
  ~ListeningSockets();

  // Binds and listens, `count` times by SO_REUSEPORT, so that the kernel spreads connections over workers
  // that share nothing. Unix sockets are bound once and shared. An address that another process listens on is
  // an error even where that process would allow the sharing: two Sluices would each get half of the traffic.
  // Returns "" or what went wrong.
  std::string bind(const SocketAddress& address, unsigned count);
  // Takes over a listening descriptor that was inherited, shared by all workers.
  void adopt(int fd, unsigned count);

  const SocketAddress& address() const { return address_; }  // with the port the kernel chose
  // Gives up the descriptor of one worker; the caller owns it.
  int release(unsigned worker);

 private:
  std::string bind_one(const SocketAddress& address, bool reuse_port, int& fd);
  void close_all();

  SocketAddress address_;
  std::vector<int> fds_;
};

// Descriptors passed by systemd socket activation (sd_listen_fds(3)). Called once.
std::vector<int> inherited_sockets();

// Tells the service manager (sd_notify(3)); does nothing when there is none. `state` such as "READY=1".
void notify_service_manager(const std::string& state);

}  // namespace sluice::server
