// What only TCP has: connecting, and resets on purpose.
#include "sluice/base/address.hpp"
#include "sluice/net/transport.hpp"

#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::net;
using namespace sluice::test;

namespace {

class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto any = SocketAddress::parse("127.0.0.1:0");
    REQUIRE(::bind(fd_, any->raw(), any->length()) == 0);
    REQUIRE(::listen(fd_, 5) == 0);
    address_ = SocketAddress::local_of(fd_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  const SocketAddress& address() const { return address_; }
  int accept() { return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC); }

 private:
  int fd_;
  SocketAddress address_;
};

int start_connect(const SocketAddress& to) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int result = ::connect(fd, to.raw(), to.length());
  REQUIRE((result == 0 || errno == EINPROGRESS || errno == ECONNREFUSED));
  return fd;
}

int socket_error(int fd) {
  int cause = 0;
  socklen_t size = sizeof cause;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &size);
  return cause;
}

bool wait_readable(int fd) {
  pollfd item{fd, POLLIN, 0};
  return ::poll(&item, 1, 5000) == 1;
}

}  // namespace

TEST_CASE("a connecting transport is writable once it is connected", "[net][transport]") {
  Loop loop;
  Listener listener;
  Transport transport(loop, start_connect(listener.address()), true);
  std::string text = "x";
  iovec piece{text.data(), text.size()};
  std::span<iovec> pieces(&piece, 1);
  CHECK(transport.write(pieces).status == IoStatus::would_block);
  const auto script = [&]() -> Task<void> {
    ErrorKind waited = co_await transport.writable(loop.now() + 5 * kSecond);
    CHECK(waited == ErrorKind::none);
    CHECK(socket_error(transport.fd()) == 0);
    CHECK(transport.write(pieces).status == IoStatus::ok);
  };
  run(loop, script);
}

TEST_CASE("a refused connect ends the wait, and the socket tells why", "[net][transport]") {
  Loop loop;
  Listener listener;
  listener.close();
  Transport transport(loop, start_connect(listener.address()), true);
  const auto script = [&]() -> Task<void> {
    ErrorKind waited = co_await transport.writable(loop.now() + 5 * kSecond);
    CHECK(waited == ErrorKind::none);
    CHECK(transport.hung_up());
    CHECK(socket_error(transport.fd()) == ECONNREFUSED);
  };
  run(loop, script);
}

TEST_CASE("reset_on_close makes the end unclean, without it the end is clean", "[net][transport]") {
  for (const bool reset : {true, false}) {
    CAPTURE(reset);
    Loop loop;
    Listener listener;
    auto transport = std::make_unique<Transport>(loop, start_connect(listener.address()), true);
    const int peer = listener.accept();
    REQUIRE(peer >= 0);
    if (reset) transport->reset_on_close();
    transport.reset();
    REQUIRE(wait_readable(peer));
    char byte = 0;
    const ssize_t got = ::recv(peer, &byte, 1, 0);
    const int cause = errno;
    ::close(peer);
    CHECK(got == (reset ? -1 : 0));
    if (reset) CHECK(cause == ECONNRESET);
  }
}

TEST_CASE("a reset of the peer wakes the reader and says hung up", "[net][transport]") {
  Loop loop;
  Listener listener;
  Transport transport(loop, start_connect(listener.address()), true);
  const int peer = listener.accept();
  REQUIRE(peer >= 0);
  const auto script = [&]() -> Task<void> {
    ErrorKind waited = co_await transport.writable(loop.now() + 5 * kSecond);
    CHECK(waited == ErrorKind::none);
    const linger now{1, 0};
    ::setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(peer);
    waited = co_await transport.readable(loop.now() + 5 * kSecond);
    CHECK(waited == ErrorKind::none);
    CHECK(transport.hung_up());
    char byte = 0;
    const IoResult got = transport.read({&byte, 1});
    CHECK(got.status == IoStatus::error);
    CHECK(got.cause == ECONNRESET);
  };
  run(loop, script);
}

TEST_CASE("a transport that epoll does not take is broken, not idle", "[net][transport]") {
  // Registering fails when the kernel's limit of watches is reached (here: because it is registered already).
  // would_block would be a lie then: nobody is going to wake the reader, and whoever asks in a loop spins.
  Loop loop;
  SocketPair pair;
  struct Other final : Pollable {
    void on_events(std::uint32_t /*events*/) override {}
  } other;
  REQUIRE(loop.add(other, pair.first()) == 0);
  Transport transport(loop, pair.take_first(), false);
  CHECK(transport.hung_up());
  char byte = 0;
  CHECK(transport.read({&byte, 1}).status == IoStatus::error);
}
