// Connections to upstreams: opened, kept, used again, given up.
#include "sluice/upstream/connections/connections.hpp"

#include "sluice/upstream/registry.hpp"

#include "unit/net/loop_fixture.hpp"
#include "unit/tls/certificates.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

// A server on a unix socket, played by the test.
struct Upstream {
  Upstream() : listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::bind(listener, address.raw(), address.length()) == 0);
    REQUIRE(::listen(listener, 10) == 0);
  }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;
  ~Upstream() { ::close(listener); }

  TempDir dir;
  SocketAddress address = SocketAddress::parse("unix:" + dir.file("app.sock")).value();
  int listener;
};

struct Stage {
  Nanos connect = 5 * kSecond;
  net::Loop loop;
  Connections connections{loop};
  Upstream upstream;
  Registry registry;
  const std::shared_ptr<const Wire> wire = std::make_shared<const Wire>();
  std::shared_ptr<Endpoint> endpoint = registry.get("app", upstream.address, "", wire);

  // A new connection; `peer` is the server's end.
  Task<std::unique_ptr<Channel>> open(int& peer) {
    Error error;
    auto connection = co_await connections.open(endpoint, {connect, connect, kSecond}, error);
    CHECK_FALSE(error);
    peer = ::accept4(upstream.listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    co_return connection;
  }
  Task<void> ask(Channel& connection, http::Exchange& exchange, int peer) {
    exchange.request.method_text = "GET";
    exchange.request.method = http::Method::get;
    exchange.request.target = "/";
    connection.http().begin({5 * kSecond, 5 * kSecond});
    const Error error = co_await connection.http().send(exchange, "app");
    CHECK_FALSE(error);
    CHECK(drain(peer).starts_with("GET / HTTP/1.1\r\nHost: app\r\n"));
  }
  // One exchange, to which the server says `response`.
  Task<void> exchange(Channel& connection, int peer, std::string_view response) {
    http::Exchange exchange;
    co_await ask(connection, exchange, peer);
    put(peer, response);
    const Error error = co_await connection.http().receive(exchange);
    CHECK_FALSE(error);
    std::string_view piece;
    while (exchange.response_body != nullptr) {
      const http::BodyStep step = exchange.response_body->poll(piece);
      if (step == http::BodyStep::wait) co_await exchange.response_body->fill();
      if (step == http::BodyStep::end || step == http::BodyStep::failed) break;
    }
  }
  // Opens a connection, has one exchange on it, and gives it back; returns the server's end.
  Task<int> used(std::string_view response, Nanos idle) {
    int peer = -1;
    auto connection = co_await open(peer);
    co_await exchange(*connection, peer, response);
    connections.give_back(std::move(connection), idle);
    co_return peer;
  }
};

constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

}  // namespace

TEST_CASE("a server that is not there refuses", "[upstream][pool]") {
  Stage stage;
  const auto nobody = stage.registry.get(
      "app", *SocketAddress::parse("unix:" + stage.upstream.dir.file("nobody")), "", stage.wire);
  // A port that was just free.
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto any = SocketAddress::parse("127.0.0.1:0");
  REQUIRE(::bind(fd, any->raw(), any->length()) == 0);
  const auto closed = stage.registry.get("app", SocketAddress::local_of(fd), "", stage.wire);
  const auto script = [&]() -> Task<void> {
    for (const auto& endpoint : {nobody, closed}) {
      Error error;
      const auto connection = co_await stage.connections.open(endpoint, {kSecond, kSecond, kSecond}, error);
      CHECK(connection == nullptr);
      CHECK(error.kind == ErrorKind::connect_refused);
      CHECK(error.side == Side::upstream);
    }
  };
  run(stage.loop, script);
  ::close(fd);
}

TEST_CASE("a unix socket with a full backlog is waited for", "[upstream][pool]") {
  Stage stage;
  REQUIRE(::listen(stage.upstream.listener, 0) == 0);
  const auto& address = stage.upstream.address;
  std::vector<int> crowd;
  for (bool full = false; !full;) {
    crowd.push_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    full = ::connect(crowd.back(), address.raw(), address.length()) != 0;
    if (full) REQUIRE(errno == EAGAIN);
  }
  const auto try_for = [&](Nanos limit, Error& error) {
    return stage.connections.open(stage.endpoint, {limit, limit, kSecond}, error);
  };
  const auto script = [&]() -> Task<void> {
    Error error;
    auto connection = co_await try_for(50 * kMilli, error);
    CHECK(connection == nullptr);
    CHECK(error.kind == ErrorKind::connect_timeout);

    bool ended = false;
    const auto opener = [&]() -> Task<void> {
      connection = co_await try_for(10 * kSecond, error);
      ended = true;
    };
    start(opener());
    CHECK_FALSE(ended);
    stage.connections.give_up(*stage.endpoint);
    while (!ended)
      co_await stage.loop.yield();
    CHECK(error.kind == ErrorKind::cancelled);

    error = {};
    ended = false;
    start(opener());
    CHECK_FALSE(ended);
    ::close(::accept(stage.upstream.listener, nullptr, nullptr));
    while (!ended)
      co_await stage.loop.yield();
    CHECK(connection != nullptr);
    CHECK_FALSE(error);
  };
  run(stage.loop, script);
  for (const int fd : crowd)
    ::close(fd);
}

TEST_CASE("a connection is kept and used again, the one used last first", "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    int peers[2];
    auto first = co_await stage.open(peers[0]);
    auto second = co_await stage.open(peers[1]);
    CHECK_FALSE(first->reused());
    co_await stage.exchange(*first, peers[0], kReply);
    co_await stage.exchange(*second, peers[1], kReply);
    const Channel* last = second.get();
    stage.connections.give_back(std::move(first), kSecond);
    stage.connections.give_back(std::move(second), kSecond);
    CHECK(stage.connections.idle_count() == 2);
    auto again = stage.connections.take(*stage.endpoint, true);
    CHECK(again.get() == last);
    CHECK(again->reused());
    CHECK(stage.connections.idle_count() == 1);
    co_await stage.exchange(*again, peers[1], kReply);
    for (const int peer : peers)
      ::close(peer);
  };
  run(stage.loop, script);
}

TEST_CASE("a connection that is not finished with is not kept", "[upstream][pool]") {
  for (const std::string_view response :
       {std::string_view("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        std::string_view("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 smuggled\r\n\r\n"),
        std::string_view("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n")}) {
    CAPTURE(response);
    Stage stage;
    const auto script = [&]() -> Task<void> {
      const int peer = co_await stage.used(response, kSecond);
      CHECK(stage.connections.idle_count() == 0);
      ::close(peer);
    };
    run(stage.loop, script);
  }
}

TEST_CASE("an idle connection that its server closes or talks on is given up", "[upstream][pool]") {
  for (const bool talks : {false, true}) {
    CAPTURE(talks);
    Stage stage;
    const auto script = [&]() -> Task<void> {
      const int peer = co_await stage.used(kReply, 5 * kSecond);
      CHECK(stage.connections.idle_count() == 1);
      if (talks) {
        put(peer, "HTTP/1.1 408 Request Timeout\r\n\r\n");
      } else {
        ::shutdown(peer, SHUT_RDWR);
      }
      co_await stage.loop.yield();
      co_await stage.loop.yield();
      CHECK(stage.connections.idle_count() == 0);
      CHECK(stage.connections.take(*stage.endpoint, false) == nullptr);
      ::close(peer);
    };
    run(stage.loop, script);
  }
}

TEST_CASE("a closed connection is not handed out to a request that must be sure", "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    const int peer = co_await stage.used(kReply, 5 * kSecond);
    ::close(peer);  // the loop has not heard of it yet
    CHECK(stage.connections.take(*stage.endpoint, true) == nullptr);
    CHECK(stage.connections.idle_count() == 0);
  };
  run(stage.loop, script);
}

TEST_CASE("an idle connection is closed in time", "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    int peer = -1;
    auto connection = co_await stage.open(peer);
    co_await stage.exchange(*connection, peer, kReply);
    const Nanos due = stage.loop.now() + 60 * kMilli;
    stage.connections.give_back(std::move(connection), 60 * kMilli);
    while (stage.connections.idle_count() != 0)
      co_await stage.loop.yield();
    CHECK(stage.loop.now() >= due);
    char byte = 0;
    CHECK(::recv(peer, &byte, 1, MSG_DONTWAIT) == 0);
    ::close(peer);
  };
  run(stage.loop, script);
}

TEST_CASE("a server that is no longer configured: idle connections end now, busy ones after the drain time",
          "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    int peers[2];
    auto idle = co_await stage.open(peers[0]);
    auto busy = co_await stage.open(peers[1]);
    co_await stage.exchange(*idle, peers[0], kReply);
    stage.connections.give_back(std::move(idle), 5 * kSecond);
    stage.connections.retire(*stage.endpoint, 60 * kMilli);
    CHECK(stage.connections.idle_count() == 0);
    http::Exchange exchange;
    co_await stage.ask(*busy, exchange, peers[1]);
    const Error error = co_await busy->http().receive(exchange);
    CHECK(error.kind == ErrorKind::cancelled);
    stage.connections.give_back(std::move(busy), 5 * kSecond);
    CHECK(stage.connections.idle_count() == 0);
    for (const int peer : peers)
      ::close(peer);
  };
  run(stage.loop, script);
}

TEST_CASE("a connection to a server that is no longer configured is not kept", "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    int peer = -1;
    auto busy = co_await stage.open(peer);
    stage.connections.retire(*stage.endpoint, 5 * kSecond);
    co_await stage.exchange(*busy, peer, kReply);
    stage.connections.give_back(std::move(busy), 5 * kSecond);
    CHECK(stage.connections.idle_count() == 0);
    ::close(peer);
  };
  run(stage.loop, script);
}

TEST_CASE("a server that is configured again is drained no more", "[upstream][pool]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    int peer = -1;
    auto busy = co_await stage.open(peer);
    stage.connections.retire(*stage.endpoint, 60 * kMilli);
    stage.connections.keep(*stage.endpoint);
    const Nanos due = stage.loop.now() + 150 * kMilli;
    while (stage.loop.now() < due)
      co_await stage.loop.yield();
    co_await stage.exchange(*busy, peer, kReply);
    stage.connections.give_back(std::move(busy), 5 * kSecond);
    CHECK(stage.connections.idle_count() == 1);
    ::close(peer);
  };
  run(stage.loop, script);
}
