#include "http1/splice.hpp"

#include "http1/body_reader.hpp"
#include "unit/net/loop_fixture.hpp"

#include <dirent.h>
#include <string>
#include <sys/resource.h>
#include <thread>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http1;
using namespace sluice::test;

namespace {

constexpr std::size_t kLong = 3'000'000;

// A body on its way from one socket to another; the test writes it at one end and reads it at the other.
struct Stage {
  explicit Stage(std::uint64_t length, std::string_view early = {}) {
    if (!early.empty()) {
      buffer.reserve(early.size());
      std::copy(early.begin(), early.end(), buffer.room().begin());
      buffer.commit(early.size());
    }
    body.start(from, buffer, arena, Framing::length, length, Side::upstream);
    body.set_limits(5 * kSecond, 0);
  }

  // Feeds `sent`, then closes if asked to; collects what comes out.
  Task<void> feed(std::string_view sent, bool close) {
    for (std::size_t at = 0; at < sent.size();) {
      const ssize_t now =
          ::send(before.second(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (now > 0) at += static_cast<std::size_t>(now);
      arrived += drain(after.second());
      co_await loop.yield();
    }
    if (close) before.close_second();
    while (!ended) {
      arrived += drain(after.second());
      co_await loop.yield();
    }
    arrived += drain(after.second());
  }
  Error run_all(std::string_view sent, bool close = false, Nanos stall = 5 * kSecond) {
    Error error;
    const auto script = [&]() -> Task<void> {
      start(feed(sent, close));
      while (!error && worth_splicing(&body, to))
        error = co_await splice(body, to, stall, moved);
      ended = true;
      co_await loop.yield();
      co_await loop.yield();
    };
    run(loop, script);
    return error;
  }

  net::Loop loop;
  SocketPair before;
  SocketPair after;
  net::Transport from{loop, before.take_first(), false};
  net::Transport to{loop, after.take_first(), false};
  Arena arena;
  Buffer buffer;
  BodyReader body;
  std::string arrived;
  std::uint64_t moved = 0;
  bool ended = false;
};

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const all = ::opendir("/proc/self/fd");
  while (::readdir(all) != nullptr)
    ++count;
  ::closedir(all);
  return count;
}

}  // namespace

TEST_CASE("a long body goes from socket to socket whole", "[http1][splice]") {
  const std::string sent = pattern(kLong);
  Stage stage(sent.size());
  CHECK_FALSE(stage.run_all(sent));
  CHECK((stage.arrived == sent));
  CHECK(stage.moved == sent.size());
  CHECK(stage.body.finished());
  CHECK(stage.body.bytes() == sent.size());
  CHECK(stage.buffer.capacity() == 0);
}

TEST_CASE("what follows the body stays in the socket", "[http1][splice]") {
  const std::string sent = pattern(kLong);
  Stage stage(sent.size());
  CHECK_FALSE(stage.run_all(sent + "GET / HTTP/1.1"));
  CHECK((stage.arrived == sent));
  char next[64];
  const net::IoResult got = stage.from.read(next);
  CHECK(std::string_view(next, got.bytes) == "GET / HTTP/1.1");
}

TEST_CASE("only what lies in a socket in the clear, and is long, is worth it", "[http1][splice]") {
  Stage stage(kLong);
  CHECK(worth_splicing(&stage.body, stage.to));
  CHECK_FALSE(worth_splicing(nullptr, stage.to));
  Stage few(1000);
  CHECK_FALSE(worth_splicing(&few.body, few.to));
  Stage early(kLong, "first bytes");
  CHECK_FALSE(worth_splicing(&early.body, early.to));
  Stage chunked(kLong);
  chunked.body.start(chunked.from, chunked.buffer, chunked.arena, Framing::chunked, 0, Side::upstream);
  CHECK_FALSE(worth_splicing(&chunked.body, chunked.to));
}

TEST_CASE("a sender that ends early is told from one that is done", "[http1][splice]") {
  const std::string sent = pattern(kLong);
  Stage stage(sent.size() + 1);
  CHECK_FALSE(stage.run_all(sent, true));
  CHECK((stage.arrived == sent));
  std::string_view piece;
  CHECK(stage.body.poll(piece) == BodyStep::failed);
  CHECK(stage.body.error() == broken(Rule::body_cut, Side::upstream));
}

TEST_CASE("a receiver that goes away is an error of its own", "[http1][splice]") {
  const std::string sent = pattern(kLong);
  Stage stage(sent.size());
  Error error;
  const auto script = [&]() -> Task<void> {
    put(stage.before.second(), std::string_view(sent).substr(0, 100'000));
    stage.after.close_second();
    error = co_await splice(stage.body, stage.to, kSecond, stage.moved);
  };
  run(stage.loop, script);
  CHECK(error.kind == ErrorKind::reset);
}

TEST_CASE("a receiver that takes nothing ends the wait, and no pipe with bytes is used again",
          "[http1][splice]") {
  const std::string sent = pattern(150'000);
  const std::size_t before = open_descriptors();
  {
    Stage stage(kLong);
    const int small = 4096;
    ::setsockopt(stage.to.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    Error error;
    const auto script = [&]() -> Task<void> {
      put(stage.before.second(), sent);
      error = co_await splice(stage.body, stage.to, 50 * kMilli, stage.moved);
    };
    run(stage.loop, script);
    CHECK(error.kind == ErrorKind::timed_out);
  }
  CHECK(open_descriptors() <= before);
  const std::string other = pattern(kLong);
  Stage next(other.size());
  CHECK_FALSE(next.run_all(other));
  CHECK((next.arrived == other));
}

TEST_CASE("without a descriptor for a pipe the body is read into the buffer", "[http1][splice]") {
  // On a thread of its own: it keeps no pipes from before.
  std::thread([] {
    Stage stage(kLong);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlimit none{0, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto script = [&]() -> Task<void> {
      put(stage.before.second(), "piece");
      const Error error = co_await splice(stage.body, stage.to, kSecond, stage.moved);
      CHECK_FALSE(error);
    };
    run(stage.loop, script);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(stage.moved == 0);
    std::string_view piece;
    CHECK(stage.body.poll(piece) == BodyStep::data);
    CHECK(piece == "piece");
  }).join();
}
