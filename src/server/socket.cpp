#include "sluice/server/socket.hpp"

#include "sluice/base/file_error.hpp"
#include "sluice/net/keepalive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace sluice::server {
namespace {

constexpr int kBacklog = 65535;  // the kernel lowers it to net.core.somaxconn

// What an operator can do about it.
std::string remedy(int error, const SocketAddress& address) {
  if (address.is_unix()) return {};
  if (error == EACCES && address.port() < 1024) {
    return "; ports below 1024 need the capability CAP_NET_BIND_SERVICE, which the service has, or a start "
           "as root";
  }
  if (error == EADDRINUSE)
    return fmt::format("; \"ss -ltnp sport = :{}\" says who listens there", address.port());
  if (error == EADDRNOTAVAIL) return "; this machine has no such address";
  return {};
}

std::string failure(const char* what, const SocketAddress& address) {
  const int error = errno;
  return std::string(what) + " " + address.text() + ": " + file_error(error) + remedy(error, address);
}

}  // namespace

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : address_(other.address_), fds_(std::exchange(other.fds_, {})), file_(std::move(other.file_)) {}

ListeningSockets& ListeningSockets::operator=(ListeningSockets&& other) noexcept {
  if (this != &other) {
    close_all();
    address_ = other.address_;
    fds_ = std::exchange(other.fds_, {});
    file_ = std::move(other.file_);
  }
  return *this;
}

ListeningSockets::~ListeningSockets() { close_all(); }

void ListeningSockets::close_all() {
  for (const auto& fds : fds_) {
    for (const int fd : fds)
      ::close(fd);
  }
  fds_.clear();
}

std::string ListeningSockets::bind_one(const SocketAddress& address, bool reuse_port, int& fd) {
  fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("cannot open a socket for", address);
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what is accepted
  net::probe_silent_peer(fd);
  if (address.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, address.raw(), address.length()) != 0) return failure("cannot listen on", address);
  return {};
}

std::string ListeningSockets::bind(const SocketAddress& address, unsigned workers) {
  if (address.is_unix()) return bind_shared(address, workers);
  // Without SO_REUSEPORT first: fails when anybody else is there.
  int fd = -1;
  std::string error = bind_one(address, false, fd);
  if (fd >= 0) ::close(fd);
  address_ = address;
  for (unsigned worker = 0; error.empty() && worker < workers; ++worker) {
    error = bind_one(address_, true, fd);
    if (fd >= 0) fds_.push_back({fd});
    if (error.empty() && worker == 0) address_ = SocketAddress::local_of(fd);
  }
  for (std::size_t worker = 0; error.empty() && worker < fds_.size(); ++worker) {
    if (::listen(fds_[worker].front(), kBacklog) != 0) error = failure("cannot listen on", address_);
  }
  return error;
}

std::string ListeningSockets::bind_shared(const SocketAddress& address, unsigned workers) {
  address_ = address;
  int fd = -1;
  std::string error = file_.listen(address, kBacklog, SocketFile::kByUmask, fd);
  if (!error.empty()) return error;
  fds_.resize(workers);
  fds_.front().push_back(fd);
  for (unsigned worker = 1; error.empty() && worker < workers; ++worker)
    error = add_duplicate(worker, fd);
  return error;
}

std::string ListeningSockets::adopt(const std::vector<int>& inherited, unsigned workers) {
  address_ = SocketAddress::local_of(inherited.front());
  fds_.resize(workers);
  for (const int fd : inherited)
    net::probe_silent_peer(fd);
  std::string error;
  const std::size_t pairs = std::max<std::size_t>(inherited.size(), workers);
  for (std::size_t i = 0; error.empty() && i < pairs; ++i)
    error = add_duplicate(static_cast<unsigned>(i % workers), inherited[i % inherited.size()]);
  return error;
}

std::string ListeningSockets::add_duplicate(unsigned worker, int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return failure("cannot share the socket of", address_);
  fds_[worker].push_back(copy);
  return {};
}

std::vector<int> ListeningSockets::release(unsigned worker) { return std::exchange(fds_[worker], {}); }

void notify_service_manager(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::strlen(path);
  if (size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  ::close(fd);
}

}  // namespace sluice::server
