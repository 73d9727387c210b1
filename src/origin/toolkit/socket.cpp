#include "origin/toolkit/socket.hpp"

#include "origin/toolkit/units.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::toolkit {
namespace {

constexpr int backlog = 65535;  // the kernel lowers it to net.core.somaxconn

template <class T>
const T& as(const sockaddr_storage& storage) {
  return reinterpret_cast<const T&>(storage);
}

Address unix_address(std::string_view path) {
  Address address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof un.sun_path)
    throw std::runtime_error(
        fmt::format("unix:{}: path must have 1 to {} bytes", path, sizeof un.sun_path - 1));
  un.sun_family = AF_UNIX;
  path.copy(un.sun_path, path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

[[noreturn]] void fail(const Address& address, const char* what) {
  throw std::runtime_error(fmt::format("{}: {}: {}", address.text(), what, std::strerror(errno)));
}

// Removes only what a listener left behind: a mistyped path must not cost somebody a file.
void remove_stale_socket(const char* path) {
  struct stat info {};
  if (::lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) ::unlink(path);
}

}  // namespace

std::uint16_t Address::port() const {
  if (storage.ss_family == AF_INET) return ntohs(as<sockaddr_in>(storage).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(as<sockaddr_in6>(storage).sin6_port);
  return 0;
}

std::string Address::text() const {
  if (is_unix()) return fmt::format("unix:{}", as<sockaddr_un>(storage).sun_path);
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &as<sockaddr_in6>(storage).sin6_addr, host.data(), host.size());
    return fmt::format("[{}]:{}", host.data(), port());
  }
  inet_ntop(AF_INET, &as<sockaddr_in>(storage).sin_addr, host.data(), host.size());
  return fmt::format("{}:{}", host.data(), port());
}

Address parse_address(std::string_view text) {
  if (text.starts_with("unix:")) return unix_address(text.substr(5));
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = colon == std::string_view::npos ? std::nullopt : parse_number(text.substr(colon + 1));
  if (host.empty() || !port || *port > std::numeric_limits<std::uint16_t>::max())
    throw std::runtime_error(fmt::format("\"{}\" is not HOST:PORT or unix:/path", text));
  return resolve(std::string(host), static_cast<std::uint16_t>(*port));
}

Address resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
    throw std::runtime_error(fmt::format("{}: {}", host, gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

int listen_on(Address& address) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(address, "socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.is_unix()) remove_stale_socket(as<sockaddr_un>(address.storage).sun_path);
  if (::bind(fd, address.raw(), address.length) != 0 || ::listen(fd, backlog) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    fail(address, "cannot listen");
  }
  if (!address.is_unix()) ::getsockname(fd, address.raw(), &address.length);
  return fd;
}

int start_connect(const Address& address, int receive_buffer) {
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_no_delay(fd);
  // Before the connection is made, for that is when the window's scale is agreed on.
  if (receive_buffer > 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (::connect(fd, address.raw(), address.length) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails, harmlessly, on a unix socket
}

void ignore_broken_pipes() { (void)::signal(SIGPIPE, SIG_IGN); }

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace sluice::toolkit
