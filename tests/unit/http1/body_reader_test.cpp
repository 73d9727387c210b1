#include "http1/body_reader.hpp"

#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http1;
using namespace sluice::test;

namespace {

// A body that arrives over a socket. The first of its bytes may be in the buffer already, behind the head.
struct Stage {
  explicit Stage(Framing framing, std::uint64_t length = 0, std::string_view early = {}) {
    if (!early.empty()) {
      buffer.reserve(early.size());
      std::copy(early.begin(), early.end(), buffer.room().begin());
      buffer.commit(early.size());
    }
    body.start(transport, buffer, arena, framing, length, Side::upstream);
    body.set_limits(5 * kSecond, 0);
  }

  // Reads to the end or to the failure.
  Task<BodyStep> read_all() {
    for (;;) {
      std::string_view piece;
      const BodyStep step = body.poll(piece);
      if (step == BodyStep::data) payload += piece;
      if (step == BodyStep::wait) co_await body.fill();
      if (step == BodyStep::end || step == BodyStep::failed) co_return step;
    }
  }
  BodyStep run_all() {
    BodyStep last{};
    const auto script = [&]() -> Task<void> { last = co_await read_all(); };
    run(loop, script);
    return last;
  }

  net::Loop loop;
  SocketPair pair;
  net::Transport transport{loop, pair.take_first(), false};
  Arena arena;
  Buffer buffer;
  BodyReader body;
  std::string payload;
};

}  // namespace

TEST_CASE("a message without a body has ended before it began", "[http1][body]") {
  for (const Framing framing : {Framing::none, Framing::length}) {
    Stage stage(framing, 0, "GET / next");
    CHECK(stage.body.finished());
    CHECK(stage.run_all() == BodyStep::end);
    CHECK(stage.buffer.view() == "GET / next");
  }
}

TEST_CASE("a body with a length takes so many bytes and no more", "[http1][body]") {
  Stage stage(Framing::length, 10, "hello");
  put(stage.pair.second(), "worldGET /");
  CHECK(stage.run_all() == BodyStep::end);
  CHECK(stage.payload == "helloworld");
  CHECK(stage.body.finished());
  CHECK(stage.body.bytes() == 10);
  CHECK(stage.buffer.view() == "GET /");
}

TEST_CASE("a large body arrives whole, in bounded memory", "[http1][body]") {
  const std::string sent = pattern(2'000'000);
  Stage stage(Framing::length, sent.size());
  std::size_t at = 0;
  std::size_t most = 0;
  bool ended = false;
  const auto sender = [&]() -> Task<void> {
    while (at < sent.size()) {
      const ssize_t put_now =
          ::send(stage.pair.second(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put_now > 0) at += static_cast<std::size_t>(put_now);
      most = std::max(most, stage.buffer.capacity());
      co_await stage.loop.yield();
    }
  };
  const auto script = [&]() -> Task<void> {
    start(sender());
    const BodyStep last = co_await stage.read_all();
    CHECK(last == BodyStep::end);
    ended = true;
  };
  run(stage.loop, script);
  CHECK(ended);
  CHECK((stage.payload == sent));
  CHECK(most <= Buffer::kLarge);
}

TEST_CASE("chunks are decoded, their trailers kept, the next message left alone", "[http1][body]") {
  Stage stage(Framing::chunked, 0, "5\r\nhel");
  put(stage.pair.second(), "lo\r\n0\r\nX-Sum: 7\r\n\r\nnext");
  CHECK(stage.run_all() == BodyStep::end);
  CHECK(stage.payload == "hello");
  CHECK(stage.body.trailers().find("X-Sum")->value == "7");
  CHECK(stage.buffer.view() == "next");
}

TEST_CASE("a body until the end of the connection", "[http1][body]") {
  Stage stage(Framing::until_close, 0, "some ");
  put(stage.pair.second(), "bytes");
  stage.pair.close_second();
  CHECK(stage.run_all() == BodyStep::end);
  CHECK(stage.payload == "some bytes");
}

TEST_CASE("a body cut short is a failure, never a shorter body", "[http1][body]") {
  for (const Framing framing : {Framing::length, Framing::chunked}) {
    Stage stage(framing, 10);
    put(stage.pair.second(), framing == Framing::chunked ? "a\r\nhello" : "hello");
    stage.pair.close_second();
    CHECK(stage.run_all() == BodyStep::failed);
    CHECK(stage.payload == "hello");
    CHECK(stage.body.error() == broken(Rule::body_cut, Side::upstream));
    CHECK_FALSE(stage.body.finished());
    std::string_view piece;
    CHECK(stage.body.poll(piece) == BodyStep::failed);
  }
}

TEST_CASE("chunks that end without the last one are cut short", "[http1][body]") {
  for (const char* wire : {"5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\n0",
                           "5\r\nhello\r\n0\r\nA: b\r\n", "5\r\nhello\r"}) {
    CAPTURE(wire);
    Stage stage(Framing::chunked);
    put(stage.pair.second(), wire);
    stage.pair.close_second();
    CHECK(stage.run_all() == BodyStep::failed);
    CHECK(stage.body.error().kind == ErrorKind::closed);
  }
}

TEST_CASE("a malformed body says so", "[http1][body]") {
  Stage stage(Framing::chunked, 0, "5\r\nhelloX\r\n");
  CHECK(stage.run_all() == BodyStep::failed);
  CHECK(stage.body.error() == broken(Rule::chunk_end, Side::upstream));
}

TEST_CASE("a body larger than its limit fails", "[http1][body]") {
  for (const Framing framing : {Framing::chunked, Framing::until_close}) {
    for (const std::uint64_t most : {10U, 11U}) {
      CAPTURE(most);
      Stage stage(framing, 0, framing == Framing::chunked ? "b\r\nhello world\r\n0\r\n\r\n" : "hello world");
      stage.pair.close_second();
      stage.body.set_limits(kSecond, most);
      CHECK(stage.run_all() == (most == 11 ? BodyStep::end : BodyStep::failed));
      if (most == 10) CHECK(stage.body.error().kind == ErrorKind::body_too_large);
    }
  }
}

TEST_CASE("a sender that falls silent is given up", "[http1][body]") {
  Stage stage(Framing::length, 10, "hello");
  stage.body.set_limits(50 * kMilli, 0);
  CHECK(stage.run_all() == BodyStep::failed);
  CHECK(stage.body.error().kind == ErrorKind::timed_out);
}

TEST_CASE("a body that nobody wants any more", "[http1][body]") {
  SECTION("while it is read: the wait ends, and the connection can be used again") {
    Stage stage(Framing::length, 10);
    BodyStep last{};
    bool ended = false;
    const auto reader = [&]() -> Task<void> {
      last = co_await stage.read_all();
      ended = true;
    };
    const auto script = [&]() -> Task<void> {
      start(reader());
      stage.body.stop();
      while (!ended)
        co_await stage.loop.yield();
    };
    run(stage.loop, script);
    CHECK(last == BodyStep::failed);
    CHECK(stage.body.error().kind == ErrorKind::cancelled);
    CHECK_FALSE(stage.transport.cancelled());
  }
  SECTION("while the connection is ended: that stands") {
    Stage stage(Framing::length, 10);
    bool ended = false;
    const auto reader = [&]() -> Task<void> {
      co_await stage.read_all();
      ended = true;
    };
    const auto script = [&]() -> Task<void> {
      start(reader());
      stage.body.stop();
      stage.transport.cancel(ErrorKind::cancelled);
      while (!ended)
        co_await stage.loop.yield();
    };
    run(stage.loop, script);
    CHECK(stage.transport.cancelled());
  }
  SECTION("while it is not read") {
    Stage stage(Framing::length, 10, "hello");
    stage.body.stop();
    CHECK(stage.run_all() == BodyStep::failed);
    CHECK(stage.payload.empty());
  }
  SECTION("when it has ended") {
    Stage stage(Framing::length, 5, "hello");
    CHECK(stage.run_all() == BodyStep::end);
    stage.body.stop();
    std::string_view piece;
    CHECK(stage.body.poll(piece) == BodyStep::end);
  }
}

TEST_CASE("an idle wait holds no buffer", "[http1][body]") {
  Stage stage(Framing::length, 10);
  bool ended = false;
  const auto reader = [&]() -> Task<void> {
    co_await stage.read_all();
    ended = true;
  };
  const auto script = [&]() -> Task<void> {
    start(reader());
    CHECK_FALSE(stage.buffer.allocated());
    put(stage.pair.second(), "0123456789");
    while (!ended)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
  CHECK(stage.payload == "0123456789");
}
