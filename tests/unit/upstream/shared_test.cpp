// Connections that serve many exchanges at once: opened for all who ask meanwhile, shared out, given up.
#include "sluice/upstream/connections/connections.hpp"
#include "sluice/upstream/registry.hpp"

#include "unit/http2/wire.hpp"
#include "unit/tls/certificates.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;
using http2::Setting;

namespace {

// A server on a unix socket, played by the test.
struct Server {
  Server() : listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    REQUIRE(::bind(listener, address.raw(), address.length()) == 0);
    REQUIRE(::listen(listener, 10) == 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    for (const int fd : accepted)
      ::close(fd);
    ::close(listener);
  }

  TempDir dir;
  SocketAddress address = SocketAddress::parse("unix:" + dir.file("app.sock")).value();
  int listener;
  std::vector<int> accepted;
};

// One who asks for a stream, and what he gets.
struct Asking {
  std::unique_ptr<Channel> channel;
  http::Exchange exchange;
  Error error;
  bool settled = false;
  bool begun = false;
  bool answered = false;
  Error answer;
};

struct Stage {
  net::Loop loop;
  Server server;
  std::vector<std::unique_ptr<test::Wire>> wires;  // the server's ends
  Connections connections{loop};
  Registry registry;
  const std::shared_ptr<const upstream::Wire> wire = h2();
  std::shared_ptr<Endpoint> endpoint = registry.get("app", server.address, "", wire);
  Nanos patience = 5 * kSecond;
  std::vector<std::unique_ptr<Asking>> askings;

  static std::shared_ptr<const upstream::Wire> h2() {
    upstream::Wire out;
    out.h2 = true;
    return std::make_shared<const upstream::Wire>(out);
  }

  // Plays `script`, and sees to it that every connection ends.
  template <class F>
  void play(F script) {
    const auto whole = [&]() -> Task<void> {
      co_await script();
      connections.close();
      for (const auto& asking : askings) {
        while (asking->begun && !asking->answered)
          co_await turn();
      }
      askings.clear();
      for (const int fd : server.accepted)
        ::shutdown(fd, SHUT_RDWR);
      for (int i = 0; i < 10; ++i)
        co_await loop.yield();
    };
    run(loop, whole);
  }

  // The next connection, to which the server says its settings.
  Task<std::size_t> accept() {
    int fd = -1;
    while ((fd = ::accept4(server.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
      co_await loop.yield();
    server.accepted.push_back(fd);
    wires.push_back(std::make_unique<test::Wire>(loop, fd));
    co_return wires.size() - 1;
  }
  bool nobody_else_comes() const {
    return ::accept4(server.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK) < 0;
  }

  Asking& ask() {
    Asking& out = *askings.emplace_back(std::make_unique<Asking>());
    const auto asking = [](Stage& stage, Asking& of) -> Task<void> {
      of.channel = co_await stage.connections.open(stage.endpoint, {stage.patience, stage.patience, kSecond},
                                                   of.error);
      of.settled = true;
    };
    start(asking(*this, out));
    return out;
  }
  Task<void> until_settled(std::size_t from = 0) {
    for (std::size_t i = from; i < askings.size(); ++i) {
      while (!askings[i]->settled)
        co_await turn();
    }
  }
  // One who has asked, and the connection that was opened for him.
  struct Opened {
    Asking& asking;
    std::size_t at;
  };
  Task<Opened> opened() {
    Asking& asking = ask();
    const std::size_t at = co_await accept();
    wires[at]->say_settings();
    co_await until_settled();
    co_return Opened{asking, at};
  }
  Task<void> begun(Asking& asking, std::size_t at, std::uint32_t stream) {
    begin(asking);
    co_await wires[at]->until(stream, "END");
  }
  Task<void> turn() {
    for (const auto& of : wires)
      co_await of->turn();
    if (wires.empty()) co_await loop.yield();
  }
  Task<void> turns(int count) {
    while (count-- > 0)
      co_await turn();
  }
  Task<void> pause(Nanos time) {
    const Nanos began = loop.now();
    while (loop.now() < began + time)
      co_await turn();
  }

  // One exchange under way on the stream that was got.
  void begin(Asking& asking) {
    asking.begun = true;
    const auto exchanging = [](Asking& of) -> Task<void> {
      of.exchange.request.method_text = "GET";
      of.exchange.request.method = http::Method::get;
      of.exchange.request.target = "/";
      of.channel->http().begin({5 * kSecond, 5 * kSecond});
      of.answer = co_await of.channel->http().send(of.exchange, "app");
      if (!of.answer) of.answer = co_await of.channel->http().receive(of.exchange);
      of.answered = true;
    };
    start(exchanging(asking));
  }
  Task<void> until_answered(Asking& asking) {
    while (!asking.answered)
      co_await turn();
  }
  // A whole exchange on stream `id` of connection `at`, given back for `idle`.
  Task<void> exchange(Asking& asking, std::size_t at, std::uint32_t id, Nanos idle) {
    begin(asking);
    co_await wires[at]->until(id, "END");
    wires[at]->say_head(id, {{":status", "200"}}, http2::kEndStream);
    co_await until_answered(asking);
    CHECK_FALSE(asking.answer);
    connections.give_back(std::move(asking.channel), idle);
  }
  // Whether connection `at` is closed by our side.
  bool closed(std::size_t at) const {
    char byte = 0;
    return ::recv(server.accepted[at], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }
  Task<void> until_closed(std::size_t at) {
    while (!closed(at))
      co_await turn();
  }
};

}  // namespace

TEST_CASE("who asks while a connection is being opened gets a share of it", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    for (int i = 0; i < 5; ++i)
      stage.ask();
    const std::size_t at = co_await stage.accept();
    co_await stage.turns(5);
    for (const auto& asking : stage.askings)
      CHECK_FALSE(asking->settled);  // the settings are still to come
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
    stage.wires[at]->say_settings();
    co_await stage.until_settled();
    for (const auto& asking : stage.askings) {
      CHECK(asking->channel != nullptr);
      CHECK_FALSE(asking->channel->reused());
    }
    CHECK(stage.nobody_else_comes());
    // And so does who asks later.
    const auto later = stage.connections.take(*stage.endpoint, true);
    CHECK((later != nullptr && later->reused()));
  });
}

TEST_CASE("exchanges on one connection at the same time", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    Asking& first = stage.ask();
    const auto [second, at] = co_await stage.opened();
    stage.begin(first);
    co_await stage.begun(second, at, 3);
    stage.wires[at]->say_head(3, {{":status", "201"}}, http2::kEndStream);
    stage.wires[at]->say_head(1, {{":status", "202"}}, http2::kEndStream);
    co_await stage.until_answered(first);
    co_await stage.until_answered(second);
    CHECK(first.exchange.response.status == 202);
    CHECK(second.exchange.response.status == 201);
  });
}

TEST_CASE("who finds no room on a connection gets another", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    Asking& first = stage.ask();
    const std::size_t one = co_await stage.accept();
    stage.wires[one]->say_settings({{Setting::max_concurrent_streams, 1}});
    co_await stage.until_settled();
    CHECK(first.channel != nullptr);
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
    Asking& second = stage.ask();
    const std::size_t two = co_await stage.accept();
    stage.wires[two]->say_settings({{Setting::max_concurrent_streams, 1}});
    co_await stage.until_settled();
    CHECK(second.channel != nullptr);
    CHECK_FALSE(second.error);
    // Room that is given back is found again.
    co_await stage.exchange(first, one, 1, 5 * kSecond);
    CHECK(stage.connections.take(*stage.endpoint, false) != nullptr);
  });
}

TEST_CASE("who waited in vain for a share tries once more", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.ask();
    stage.ask();
    const std::size_t one = co_await stage.accept();
    stage.wires[one]->say_settings({{Setting::max_concurrent_streams, 1}});
    const std::size_t two = co_await stage.accept();
    stage.wires[two]->say_settings({{Setting::max_concurrent_streams, 1}});
    co_await stage.until_settled();
    CHECK(stage.askings[0]->channel != nullptr);
    CHECK(stage.askings[1]->channel != nullptr);
    CHECK(stage.nobody_else_comes());
  });
}

TEST_CASE("a server that lets nobody in is no use", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    Asking& asking = stage.ask();
    for (int i = 0; i < 20 && !asking.settled; ++i) {
      int fd = -1;
      while (!asking.settled &&
             (fd = ::accept4(stage.server.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
        co_await stage.turn();
      if (fd < 0) break;
      stage.server.accepted.push_back(fd);
      stage.wires.push_back(std::make_unique<test::Wire>(stage.loop, fd));
      stage.wires.back()->say_settings({{Setting::max_concurrent_streams, 0}});
    }
    CHECK(asking.settled);
    CHECK(asking.channel == nullptr);
    CHECK(asking.error.side == Side::upstream);
    CHECK(asking.error);
    CHECK(stage.server.accepted.size() < 10);
  });
}

TEST_CASE("a server that is not there, or none of HTTP/2, is an error to all who wait",
          "[upstream][shared]") {
  Stage stage;
  const auto nobody = stage.registry.get(
      "app", SocketAddress::parse("unix:" + stage.server.dir.file("nobody")).value(), "", stage.wire);
  stage.play([&]() -> Task<void> {
    Error error;
    const auto none = co_await stage.connections.open(nobody, {kSecond, kSecond, kSecond}, error);
    CHECK(none == nullptr);
    CHECK(error.kind == ErrorKind::connect_refused);

    stage.ask();
    stage.ask();
    const std::size_t at = co_await stage.accept();
    stage.wires[at]->say("HTTP/1.1 400 Bad Request\r\n\r\n");
    co_await stage.until_settled();
    for (const auto& asking : stage.askings) {
      CHECK(asking->channel == nullptr);
      CHECK(asking->error.kind == ErrorKind::connect_failed);
    }
  });
}

TEST_CASE("a server that never says its settings is given up", "[upstream][shared]") {
  Stage stage;
  stage.patience = 100 * kMilli;
  stage.play([&]() -> Task<void> {
    Asking& asking = stage.ask();
    co_await stage.accept();
    co_await stage.until_settled();
    CHECK(asking.channel == nullptr);
    CHECK(asking.error);
    CHECK(asking.error.side == Side::upstream);
  });
}

TEST_CASE("a connection whose server leaves is not handed out any more", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    Asking& served = stage.ask();
    Asking& refused = stage.ask();
    const auto [waiting, at] = co_await stage.opened();
    stage.begin(served);
    co_await stage.begun(refused, at, 3);
    stage.wires[at]->say_goaway(1, Code::no_error);
    co_await stage.until_answered(refused);
    CHECK(refused.answer == Error{ErrorKind::refused, Side::upstream});
    CHECK_FALSE(refused.channel->http().heard());
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
    // Who had got his stream before, and not begun yet.
    stage.begin(waiting);
    co_await stage.until_answered(waiting);
    CHECK(waiting.answer == Error{ErrorKind::refused, Side::upstream});

    stage.wires[at]->say_head(1, {{":status", "200"}}, http2::kEndStream);
    co_await stage.until_answered(served);
    CHECK_FALSE(served.answer);
    stage.ask();
    const std::size_t next = co_await stage.accept();
    stage.wires[next]->say_settings();
    co_await stage.until_settled();
    CHECK(stage.askings.back()->channel != nullptr);
  });
}

TEST_CASE("a server that leaves in the same breath as it says its settings", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    Asking& asking = stage.ask();
    const std::size_t at = co_await stage.accept();
    stage.wires[at]->say(frame(FrameType::settings, 0, 0, "") +
                         frame(FrameType::goaway, 0, 0, number(0) + number(0)));
    co_await stage.until_settled();
    CHECK((asking.channel != nullptr || asking.error));
    if (asking.channel != nullptr) {
      stage.begin(asking);
      co_await stage.until_answered(asking);
      CHECK(asking.answer == Error{ErrorKind::refused, Side::upstream});
    }
    CHECK(stage.wires[at]->of(1).empty());
  });
}

TEST_CASE("a shared connection ends when it was not used for a while", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.exchange(asking, at, 1, 300 * kMilli);
    co_await stage.pause(100 * kMilli);
    CHECK_FALSE(stage.closed(at));
    // Use moves the end away.
    Asking again;
    again.channel = stage.connections.take(*stage.endpoint, true);
    CHECK(again.channel != nullptr);
    if (again.channel != nullptr) {
      stage.begin(again);
      co_await stage.pause(500 * kMilli);
      CHECK_FALSE(stage.closed(at));
      stage.wires[at]->say_head(3, {{":status", "200"}}, http2::kEndStream);
      co_await stage.until_answered(again);
      stage.connections.give_back(std::move(again.channel), 100 * kMilli);
      co_await stage.until_closed(at);
    }
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
  });
}

TEST_CASE("a shared connection that is not to be kept ends at once", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.exchange(asking, at, 1, 0);
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
    co_await stage.until_closed(at);
  });
}

TEST_CASE("an idle shared connection that the server closed is not handed out", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.exchange(asking, at, 1, 5 * kSecond);
    ::shutdown(stage.server.accepted[at], SHUT_RDWR);
    // Nobody has looked since: only one who must be sure asks.
    CHECK(stage.connections.take(*stage.endpoint, true) == nullptr);
    co_await stage.turns(5);
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
  });
}

TEST_CASE("an endpoint that is retired: idle connections end, those in use after their last exchange",
          "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.begun(asking, at, 1);
    stage.connections.retire(*stage.endpoint, 60 * kSecond);
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
    co_await stage.turns(5);
    CHECK_FALSE(stage.closed(at));
    stage.wires[at]->say_head(1, {{":status", "200"}}, http2::kEndStream);
    co_await stage.until_answered(asking);
    CHECK_FALSE(asking.answer);
    stage.connections.give_back(std::move(asking.channel), 5 * kSecond);
    co_await stage.until_closed(at);
  });
}

TEST_CASE("an endpoint that is retired: what is under way is cut after the drain", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.begun(asking, at, 1);
    stage.connections.retire(*stage.endpoint, 50 * kMilli);
    co_await stage.until_answered(asking);
    CHECK(asking.answer.kind == ErrorKind::cancelled);
  });
}

TEST_CASE("an endpoint that is configured again is kept", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.begun(asking, at, 1);
    stage.connections.retire(*stage.endpoint, 50 * kMilli);
    stage.connections.keep(*stage.endpoint);
    co_await stage.pause(200 * kMilli);
    CHECK_FALSE(asking.answered);
    // A connection opened from now on may stay.
    const auto [later, next] = co_await stage.opened();
    co_await stage.exchange(later, next, 1, 5 * kSecond);
    co_await stage.turns(5);
    CHECK_FALSE(stage.closed(next));
    CHECK(stage.connections.take(*stage.endpoint, true) != nullptr);
  });
}

TEST_CASE("the end of all shared connections", "[upstream][shared]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto [asking, at] = co_await stage.opened();
    co_await stage.exchange(asking, at, 1, 5 * kSecond);
    stage.connections.close();
    co_await stage.until_closed(at);
    CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);

    Asking& opening = stage.ask();
    co_await stage.turn();
    stage.connections.close();
    co_await stage.until_settled();
    CHECK(opening.channel == nullptr);
    CHECK(opening.error.kind == ErrorKind::cancelled);
  });
}
