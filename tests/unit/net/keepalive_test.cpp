#include "sluice/net/keepalive.hpp"

#include "sluice/base/address.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

}  // namespace

TEST_CASE("what a listening socket accepts is asked whether it lives", "[net][keepalive]") {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto any = SocketAddress::parse("127.0.0.1:0").value();
  REQUIRE(::bind(listening, any.raw(), any.length()) == 0);
  net::probe_silent_peer(listening);
  REQUIRE(::listen(listening, 1) == 0);
  const SocketAddress address = SocketAddress::local_of(listening);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(client, address.raw(), address.length()) == 0);
  const int accepted = ::accept(listening, nullptr, nullptr);
  CHECK(option(client, SOL_SOCKET, SO_KEEPALIVE) == 0);
  CHECK(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option(accepted, IPPROTO_TCP, TCP_KEEPINTVL) * option(accepted, IPPROTO_TCP, TCP_KEEPCNT) == 60);
  for (const int fd : {accepted, client, listening})
    ::close(fd);
}

TEST_CASE("a unix socket needs no such question", "[net][keepalive]") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  net::probe_silent_peer(pair[0]);  // and takes no harm
  CHECK(::send(pair[0], "x", 1, MSG_NOSIGNAL) == 1);
  ::close(pair[0]);
  ::close(pair[1]);
}
