#include "sluice/server/inherited.hpp"

#include "sluice/server/socket.hpp"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

namespace {

// Far from what the test program has open itself.
constexpr int kFirst = 700;

int place(int fd, int at) {
  REQUIRE(fd >= 0);
  REQUIRE(::dup2(fd, at) == at);
  ::close(fd);
  return at;
}

int tcp_listener(int at) {
  const int fd = place(::socket(AF_INET, SOCK_STREAM, 0), at);
  const auto any = *SocketAddress::parse("127.0.0.1:0");
  REQUIRE(::bind(fd, any.raw(), any.length()) == 0);
  REQUIRE(::listen(fd, 4) == 0);
  return fd;
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

ino_t inode(int fd) {
  struct stat found {};
  REQUIRE(::fstat(fd, &found) == 0);
  return found.st_ino;
}

}  // namespace

TEST_CASE("a listener is a stream socket that listens", "[server]") {
  const int good = tcp_listener(kFirst);
  CHECK(misfit(good).empty());
  ::close(good);
  CHECK(misfit(good) == "not open");
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK(misfit(pair[0]) == "not listening");
  ::close(pair[1]);
  ::close(pair[0]);
  for (const auto& [family, type, why] : {std::tuple{AF_INET, SOCK_DGRAM, "no stream socket"},
                                          std::tuple{AF_UNIX, SOCK_DGRAM, "no stream socket"},
                                          std::tuple{AF_UNIX, SOCK_SEQPACKET, "no stream socket"},
                                          std::tuple{AF_INET6, SOCK_STREAM, "not listening"},
                                          std::tuple{AF_NETLINK, SOCK_RAW, "neither IP nor a unix socket"}}) {
    const int fd = ::socket(family, type, 0);
    CHECK(misfit(fd) == why);
    ::close(fd);
  }
  REQUIRE(::pipe(pair) == 0);
  CHECK(misfit(pair[0]) == "no socket");
  ::close(pair[1]);
  ::close(pair[0]);
}

TEST_CASE("misfits are closed, listeners are found by address", "[server]") {
  const int one = tcp_listener(kFirst);
  place(::socket(AF_INET, SOCK_DGRAM, 0), kFirst + 1);
  const int two = tcp_listener(kFirst + 2);
  const SocketAddress address = SocketAddress::local_of(two);
  {
    const InheritedSockets inherited = InheritedSockets::take(kFirst, 3);
    CHECK_FALSE(is_open(kFirst + 1));
    CHECK(inherited.addresses().size() == 2);
    CHECK(inherited.at(address) == std::vector<int>{two});
    CHECK(inherited.at(*SocketAddress::parse("127.0.0.1:1")).empty());
    CHECK((::fcntl(one, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(one, F_GETFL) & O_NONBLOCK) != 0);
  }
  CHECK_FALSE(is_open(one));
  CHECK_FALSE(is_open(two));
}

TEST_CASE("every inherited socket has a worker, and every worker a socket", "[server]") {
  const std::vector<int> inherited{tcp_listener(kFirst), tcp_listener(kFirst + 1), tcp_listener(kFirst + 2)};
  for (const unsigned workers : {1U, 2U, 3U, 5U}) {
    ListeningSockets sockets;
    REQUIRE(sockets.adopt(inherited, workers).empty());
    std::set<ino_t> taken;
    for (unsigned worker = 0; worker < workers; ++worker) {
      const std::vector<int> fds = sockets.release(worker);
      CHECK_FALSE(fds.empty());
      for (const int fd : fds) {
        taken.insert(inode(fd));
        ::close(fd);
      }
    }
    CHECK(taken.size() == inherited.size());
  }
  for (const int fd : inherited) {
    CHECK(is_open(fd));
    ::close(fd);
  }
}

TEST_CASE("a socket that cannot be shared among workers is an error", "[server]") {
  const int inherited = tcp_listener(kFirst);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const rlimit none{0, limit.rlim_max};
  ListeningSockets sockets;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::string error = sockets.adopt({inherited}, 2);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(error.find("cannot share") != std::string::npos);
  ::close(inherited);
}
