// Running coroutines on a real loop in a test: no fixed sleeps, and no test that hangs.
#pragma once

#include "sluice/base/task.hpp"
#include "sluice/net/loop.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <catch2/catch.hpp>

namespace sluice::test {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMilli = 1'000'000;

// Starts what nobody awaits.
inline Detached start(Task<void> task) { co_await std::move(task); }

// Starts `body` (a callable that returns Task<void>) on `loop` and runs the loop until it has ended. A loop
// runs once. Inside coroutines use CHECK, not REQUIRE: a frame must not be left by an exception; and no
// co_await in CHECK's parentheses: the macro names its expression several times, and GCC 12 awaits each of
// them.
template <class F>
void run(net::Loop& loop, F body, Nanos limit = 20 * kSecond) {
  bool ended = false;
  const auto whole = [&]() -> Task<void> {
    co_await body();
    ended = true;
    loop.stop();
  };
  net::Deadline watchdog([](void* self) { static_cast<net::Loop*>(self)->stop(); }, &loop);
  watchdog.arm(loop, steady_now() + limit);
  start(whole());
  loop.run();
  if (ended) return;
  // Coroutines that still wait hold references to the test's locals: there is no way to go on from here.
  WARN("the test did not end in time");
  std::abort();
}

// Two connected, non-blocking stream sockets; each is closed unless taken.
class SocketPair {
 public:
  explicit SocketPair(int buffer_bytes = 0) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_) == 0);
    for (const int fd : fds_) {
      if (buffer_bytes == 0) continue;
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    }
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    close_first();
    close_second();
  }
  int first() const { return fds_[0]; }
  int second() const { return fds_[1]; }
  int take_first() { return std::exchange(fds_[0], -1); }
  int take_second() { return std::exchange(fds_[1], -1); }
  void close_first() { close(fds_[0]); }
  void close_second() { close(fds_[1]); }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int fds_[2]{-1, -1};
};

// The test's own end of a connection, without the code under test.
inline void put(int fd, std::string_view bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

// Everything that is there now.
inline std::string drain(int fd) {
  std::string out;
  char piece[65536];
  for (ssize_t got = 0; (got = ::recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0;) {
    out.append(piece, static_cast<std::size_t>(got));
  }
  return out;
}

// `size` bytes in which no stretch repeats soon, so that bytes lost or swapped are noticed.
inline std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

}  // namespace sluice::test
