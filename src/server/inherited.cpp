#include "sluice/server/inherited.hpp"

#include "sluice/base/text.hpp"
#include "sluice/observe/log.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::server {
namespace {

constexpr int kFirst = 3;    // SD_LISTEN_FDS_START
constexpr int kMost = 4096;  // more than anybody passes
constexpr std::size_t kMostNamed = 10;

int option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

std::string misfit(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) return "not open";
  if (!S_ISSOCK(found.st_mode)) return "no socket";
  const int family = option(fd, SO_DOMAIN);
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return "neither IP nor a unix socket";
  const int protocol = option(fd, SO_PROTOCOL);
  const bool tcp = protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
  if (option(fd, SO_TYPE) != SOCK_STREAM || (family != AF_UNIX && !tcp)) return "no stream socket";
  if (option(fd, SO_ACCEPTCONN) != 1) return "not listening";
  return {};
}

InheritedSockets InheritedSockets::take(int first, int count) {
  InheritedSockets out;
  std::string refused;
  std::size_t misfits = 0;
  for (int fd = first; fd < first + std::clamp(count, 0, kMost); ++fd) {
    const std::string why = misfit(fd);
    if (why.empty()) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
      out.sockets_.push_back({fd, SocketAddress::local_of(fd)});
      continue;
    }
    ::close(fd);
    if (++misfits <= kMostNamed) refused += fmt::format("{}{} ({})", misfits > 1 ? ", " : "", fd, why);
  }
  if (misfits > kMostNamed) refused += fmt::format(" and {} more", misfits - kMostNamed);
  if (misfits > 0) observe::log_warn("inherited descriptors that are no listening sockets: {}", refused);
  return out;
}

InheritedSockets InheritedSockets::from_environment() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || parse_decimal<pid_t>(pid) != ::getpid()) return {};
  InheritedSockets out = take(kFirst, parse_decimal<int>(count).value_or(0));
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return out;
}

std::vector<int> InheritedSockets::at(const SocketAddress& address) const {
  std::vector<int> out;
  for (const Socket& socket : sockets_) {
    if (socket.address == address) out.push_back(socket.fd);
  }
  return out;
}

std::vector<SocketAddress> InheritedSockets::addresses() const {
  std::vector<SocketAddress> out;
  for (const Socket& socket : sockets_)
    out.push_back(socket.address);
  return out;
}

void InheritedSockets::give_up() {
  for (const Socket& socket : sockets_)
    ::close(socket.fd);
  sockets_.clear();
}

}  // namespace sluice::server
