#include "sluice/server/socket.hpp"

#include "sluice/base/text.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace sluice::server {
namespace {

constexpr int kBacklog = 65535;  // the kernel lowers it to net.core.somaxconn

std::string failure(const char* what, const SocketAddress& address) {
  return std::string(what) + " " + address.text() + ": " + std::strerror(errno);
}

// A unix socket's file outlives a killed process. It is stale when nobody accepts on it.
void remove_stale(const SocketAddress& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (::connect(probe, address.raw(), address.length()) != 0 && errno == ECONNREFUSED) {
    ::unlink(reinterpret_cast<const sockaddr_un*>(address.raw())->sun_path);
  }
  ::close(probe);
}

}  // namespace

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : address_(other.address_), fds_(std::exchange(other.fds_, {})) {}

ListeningSockets& ListeningSockets::operator=(ListeningSockets&& other) noexcept {
  if (this != &other) {
    close_all();
    address_ = other.address_;
    fds_ = std::exchange(other.fds_, {});
  }
  return *this;
}

ListeningSockets::~ListeningSockets() { close_all(); }

void ListeningSockets::close_all() {
  for (const int fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
  fds_.clear();
}

std::string ListeningSockets::bind_one(const SocketAddress& address, bool reuse_port, int& fd) {
  fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("cannot open a socket for", address);
  const int on = 1;
  const int off = 0;
  if (!address.is_unix()) {
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what is accepted
  }
  if (address.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, address.raw(), address.length()) != 0) return failure("cannot listen on", address);
  return {};
}

std::string ListeningSockets::bind(const SocketAddress& address, unsigned count) {
  if (address.is_unix()) remove_stale(address);
  // Without SO_REUSEPORT first: fails when anybody else is there.
  int fd = -1;
  std::string error = bind_one(address, false, fd);
  if (error.empty() && !address.is_unix()) {
    ::close(fd);
    error = bind_one(address, true, fd);
  }
  if (fd >= 0) fds_.push_back(fd);
  if (!error.empty()) return error;
  address_ = address.is_unix() ? address : SocketAddress::local_of(fd);
  if (address.is_unix()) {
    if (::listen(fd, kBacklog) != 0) return failure("cannot listen on", address);
    for (unsigned i = 1; i < count; ++i)
      fds_.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return {};
  }
  for (unsigned i = 1; i < count; ++i) {
    error = bind_one(address_, true, fd);
    if (fd >= 0) fds_.push_back(fd);
    if (!error.empty()) return error;
  }
  for (const int one : fds_) {
    if (::listen(one, kBacklog) != 0) return failure("cannot listen on", address_);
  }
  return {};
}

void ListeningSockets::adopt(int fd, unsigned count) {
  address_ = SocketAddress::local_of(fd);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  fds_.push_back(fd);
  for (unsigned i = 1; i < count; ++i)
    fds_.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int ListeningSockets::release(unsigned worker) { return std::exchange(fds_[worker], -1); }

std::vector<int> inherited_sockets() {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  std::vector<int> fds;
  if (pid == nullptr || count == nullptr || parse_decimal<pid_t>(pid) != ::getpid()) return fds;
  for (int i = 0; i < parse_decimal<int>(count).value_or(0); ++i)
    fds.push_back(kFirst + i);
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return fds;
}

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
