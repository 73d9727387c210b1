// Plain bytes over a socket pair. TLS is in transport_tls_test.cpp.
#include "sluice/net/transport.hpp"

#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::net;
using namespace sluice::test;

namespace {

// A transport on one end, a bare descriptor on the other.
struct Ends {
  explicit Ends(int buffer_bytes = 0)
      : pair(buffer_bytes), transport(std::make_unique<Transport>(loop, pair.take_first(), false)) {}

  Nanos soon() const { return loop.now() + 5 * kSecond; }
  IoResult read(std::string& into, std::size_t most = 4096) {
    into.assign(most, '\0');
    const IoResult got = transport->read(into);
    into.resize(got.bytes);
    return got;
  }

  Loop loop;
  SocketPair pair;
  std::unique_ptr<Transport> transport;
};

std::vector<iovec> pieces_of(std::vector<std::string>& texts) {
  std::vector<iovec> out;
  for (std::string& text : texts)
    out.push_back({text.data(), text.size()});
  return out;
}

}  // namespace

TEST_CASE("reading says would_block until bytes arrive", "[net][transport]") {
  Ends ends;
  std::string got;
  CHECK(ends.read(got).status == IoStatus::would_block);
  put(ends.pair.second(), "hello");
  const auto script = [&]() -> Task<void> {
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::ok);
    CHECK(got == "hello");
    CHECK(ends.read(got).status == IoStatus::would_block);
    put(ends.pair.second(), " again");
    waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::ok);
    CHECK(got == " again");
  };
  run(ends.loop, script);
}

TEST_CASE("reads smaller than what is there lose nothing", "[net][transport]") {
  Ends ends;
  const std::string sent = pattern(10'000);
  put(ends.pair.second(), sent);
  ends.pair.close_second();
  const auto script = [&]() -> Task<void> {
    std::string all;
    std::string piece;
    for (;;) {
      const IoResult got = ends.read(piece, 7);
      if (got.status == IoStatus::ok) {
        all += piece;
      } else if (got.status == IoStatus::would_block) {
        ErrorKind waited = co_await ends.transport->readable(ends.soon());
        CHECK(waited == ErrorKind::none);
      } else {
        CHECK(got.status == IoStatus::eof);
        break;
      }
    }
    CHECK(all == sent);
  };
  run(ends.loop, script);
}

TEST_CASE("a FIN that comes with the last bytes is seen", "[net][transport]") {
  Ends ends;
  put(ends.pair.second(), "last");
  ::shutdown(ends.pair.second(), SHUT_WR);
  const auto script = [&]() -> Task<void> {
    std::string got;
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::ok);
    CHECK(got == "last");
    CHECK(ends.transport->peer_closed());
    CHECK_FALSE(ends.transport->hung_up());
    waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::eof);
    CHECK(ends.read(got).status == IoStatus::eof);
    // The other direction still works.
    std::string text = "reply";
    iovec piece{text.data(), text.size()};
    const Error error = co_await ends.transport->write_all({&piece, 1}, kSecond);
    CHECK_FALSE(error);
    CHECK(drain(ends.pair.second()) == "reply");
  };
  run(ends.loop, script);
}

TEST_CASE("a FIN that comes after the last bytes is seen", "[net][transport]") {
  Ends ends;
  put(ends.pair.second(), "last");
  const auto script = [&]() -> Task<void> {
    std::string got;
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::ok);
    ::shutdown(ends.pair.second(), SHUT_WR);
    waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::eof);
  };
  run(ends.loop, script);
}

TEST_CASE("a reset is an error with its errno", "[net][transport]") {
  Ends ends;
  std::string text = "never read";
  iovec piece{text.data(), text.size()};
  std::span<iovec> pieces(&piece, 1);
  CHECK(ends.transport->write(pieces).status == IoStatus::ok);
  ends.pair.close_second();  // with unread bytes: a reset
  const auto script = [&]() -> Task<void> {
    std::string got;
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.transport->hung_up());
    const IoResult result = ends.read(got);
    CHECK(result.status == IoStatus::error);
    CHECK(result.cause == ECONNRESET);
  };
  run(ends.loop, script);
}

TEST_CASE("writing to a peer that is gone is an error", "[net][transport]") {
  Ends ends;
  ends.pair.close_second();
  const auto script = [&]() -> Task<void> {
    std::string text = "x";
    iovec piece{text.data(), text.size()};
    const Error error = co_await ends.transport->write_all({&piece, 1}, kSecond);
    CHECK(error.kind == ErrorKind::reset);
    CHECK(error.cause == EPIPE);
  };
  run(ends.loop, script);
}

TEST_CASE("a wait ends at its deadline, and the next one may succeed", "[net][transport]") {
  Ends ends;
  const auto script = [&]() -> Task<void> {
    const Nanos due = ends.loop.now() + 60 * kMilli;
    ErrorKind waited = co_await ends.transport->readable(due);
    CHECK(waited == ErrorKind::timed_out);
    CHECK(ends.loop.now() >= due);
    // One that has passed already.
    waited = co_await ends.transport->readable(due);
    CHECK(waited == ErrorKind::timed_out);
    put(ends.pair.second(), "late");
    waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    std::string got;
    CHECK(ends.read(got).status == IoStatus::ok);
    CHECK(got == "late");
  };
  run(ends.loop, script);
}

TEST_CASE("cancelling wakes both directions, from the loop, and stays", "[net][transport]") {
  Ends ends(4096);
  std::string filler(200'000, 'x');
  iovec piece{filler.data(), filler.size()};
  std::span<iovec> pieces(&piece, 1);
  REQUIRE(ends.transport->write(pieces).status == IoStatus::would_block);
  int woken = 0;
  const auto reader = [&]() -> Task<void> {
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::cancelled);
    ++woken;
  };
  const auto writer = [&]() -> Task<void> {
    ErrorKind waited = co_await ends.transport->writable(ends.soon());
    CHECK(waited == ErrorKind::cancelled);
    ++woken;
  };
  const auto script = [&]() -> Task<void> {
    start(reader());
    start(writer());
    ends.transport->cancel(ErrorKind::cancelled);
    CHECK(woken == 0);  // whoever cancels need not fear what the woken do
    co_await ends.loop.yield();
    CHECK(woken == 2);
    CHECK(ends.transport->cancelled());
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::cancelled);
  };
  run(ends.loop, script);
}

TEST_CASE("pieces are gathered and consumed in order", "[net][transport]") {
  Ends ends;
  std::vector<std::string> texts{"", "head\r\n", "", "body", std::string(300, 'z'), ""};
  auto vector = pieces_of(texts);
  std::span<iovec> pieces(vector);
  const IoResult done = ends.transport->write(pieces);
  CHECK(done.status == IoStatus::ok);
  CHECK(done.bytes == 310);
  CHECK(pieces.empty());
  CHECK(drain(ends.pair.second()) == "head\r\nbody" + std::string(300, 'z'));
}

TEST_CASE("more pieces than one system call takes", "[net][transport]") {
  Ends ends;
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(std::to_string(i));
    all += texts.back();
  }
  auto vector = pieces_of(texts);
  std::span<iovec> pieces(vector);
  CHECK(ends.transport->write(pieces).status == IoStatus::ok);
  CHECK(drain(ends.pair.second()) == all);
}

TEST_CASE("a full socket takes the rest later, each byte once", "[net][transport]") {
  Ends ends(4096);
  std::vector<std::string> texts;
  std::string all;
  for (const std::size_t size : {10U, 70'000U, 1U, 200'000U, 333U}) {
    texts.push_back(pattern(size));
    all += texts.back();
  }
  auto vector = pieces_of(texts);
  std::span<iovec> pieces(vector);
  const IoResult first = ends.transport->write(pieces);
  REQUIRE(first.status == IoStatus::would_block);
  CHECK(first.bytes > 0);
  CHECK(first.bytes < all.size());
  CHECK(ends.transport->write(pieces).status == IoStatus::would_block);

  bool written = false;
  std::string received;
  const auto writer = [&]() -> Task<void> {
    const Error error = co_await ends.transport->write_all(pieces, 5 * kSecond);
    CHECK_FALSE(error);
    written = true;
  };
  const auto script = [&]() -> Task<void> {
    start(writer());
    CHECK_FALSE(written);
    while (!written) {
      received += drain(ends.pair.second());
      co_await ends.loop.yield();
    }
    received += drain(ends.pair.second());
  };
  run(ends.loop, script);
  CHECK((received == all));
}

TEST_CASE("the limit of write_all is for each wait, not for the whole", "[net][transport]") {
  Ends ends(4096);
  std::string text(100'000, 'x');
  iovec piece{text.data(), text.size()};
  std::size_t received = 0;
  bool written = false;
  const auto writer = [&]() -> Task<void> {
    const Error error = co_await ends.transport->write_all({&piece, 1}, 150 * kMilli);
    CHECK_FALSE(error);
    written = true;
  };
  const auto script = [&]() -> Task<void> {
    const Nanos began = ends.loop.now();
    start(writer());
    // The peer takes a little now and then: in all this lasts longer than the limit.
    while (!written) {
      char some[65'536];
      const ssize_t got = ::recv(ends.pair.second(), some, sizeof some, MSG_DONTWAIT);
      if (got > 0) received += static_cast<std::size_t>(got);
      const Nanos until = ends.loop.now() + 60 * kMilli;
      while (ends.loop.now() < until)
        co_await ends.loop.yield();
    }
    CHECK(ends.loop.now() - began > 150 * kMilli);
  };
  run(ends.loop, script);
  CHECK(received > 0);
}

TEST_CASE("a peer that takes nothing is given up after the limit", "[net][transport]") {
  Ends ends(4096);
  std::string text(300'000, 'x');
  iovec piece{text.data(), text.size()};
  const auto script = [&]() -> Task<void> {
    const Error error = co_await ends.transport->write_all({&piece, 1}, 60 * kMilli);
    CHECK(error.kind == ErrorKind::timed_out);
  };
  run(ends.loop, script);
}

namespace {

struct Watcher final : TransportObserver {
  int calls = 0;
  bool hung_up = false;
  std::unique_ptr<Transport>* destroys = nullptr;
  void on_activity(bool dead) override {
    ++calls;
    hung_up = dead;
    if (destroys != nullptr) destroys->reset();
  }
};

}  // namespace

TEST_CASE("an observer learns of bytes and of the end while nobody reads", "[net][transport]") {
  Ends ends;
  Watcher watcher;
  const auto script = [&]() -> Task<void> {
    co_await ends.loop.yield();
    ends.transport->set_observer(&watcher);
    co_await ends.loop.yield();
    CHECK(watcher.calls == 0);
    put(ends.pair.second(), "x");
    co_await ends.loop.yield();
    CHECK(watcher.calls == 1);
    CHECK_FALSE(watcher.hung_up);
    ::shutdown(ends.pair.second(), SHUT_WR);
    co_await ends.loop.yield();
    CHECK(watcher.calls == 2);
    CHECK_FALSE(watcher.hung_up);
    ends.pair.close_second();
    co_await ends.loop.yield();
    CHECK(watcher.calls == 3);
    CHECK(watcher.hung_up);
    CHECK(ends.transport->hung_up());
  };
  run(ends.loop, script);
}

TEST_CASE("a reader comes before the observer", "[net][transport]") {
  Ends ends;
  Watcher watcher;
  ends.transport->set_observer(&watcher);
  const auto script = [&]() -> Task<void> {
    put(ends.pair.second(), "x");
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(watcher.calls == 0);
  };
  run(ends.loop, script);
}

TEST_CASE("an observer may destroy the transport", "[net][transport]") {
  Ends ends;
  Watcher watcher;
  watcher.destroys = &ends.transport;
  ends.transport->set_observer(&watcher);
  put(ends.pair.second(), "x");
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 3; ++i)
      co_await ends.loop.yield();
  };
  run(ends.loop, script);
  CHECK(watcher.calls == 1);
  CHECK(ends.transport == nullptr);
}

TEST_CASE("a quiet connection has nothing unread and no end", "[net][transport]") {
  Ends ends;
  CHECK(ends.transport->quiet());
  SECTION("bytes that epoll has not told of yet") { put(ends.pair.second(), "x"); }
  SECTION("a FIN that epoll has not told of yet") { ::shutdown(ends.pair.second(), SHUT_WR); }
  SECTION("a closed peer") { ends.pair.close_second(); }
  CHECK_FALSE(ends.transport->quiet());
}

TEST_CASE("after shutdown_write the peer sees the end, and reading goes on", "[net][transport]") {
  Ends ends;
  ends.transport->shutdown_write();
  char byte = 0;
  CHECK(::recv(ends.pair.second(), &byte, 1, MSG_DONTWAIT) == 0);
  put(ends.pair.second(), "still here");
  const auto script = [&]() -> Task<void> {
    std::string got;
    ErrorKind waited = co_await ends.transport->readable(ends.soon());
    CHECK(waited == ErrorKind::none);
    CHECK(ends.read(got).status == IoStatus::ok);
    CHECK(got == "still here");
  };
  run(ends.loop, script);
}

TEST_CASE("a destroyed transport closes its descriptor", "[net][transport]") {
  Ends ends;
  ends.transport.reset();
  char byte = 0;
  CHECK(::recv(ends.pair.second(), &byte, 1, MSG_DONTWAIT) == 0);
}
