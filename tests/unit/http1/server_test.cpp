// A client's connection, with the test as client and a service that answers whatever it is told to.
#include "sluice/http1/server.hpp"

#include "sluice/http/reply.hpp"

#include "unit/http/doubling.hpp"
#include "unit/http/fake_service.hpp"
#include "unit/net/loop_fixture.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http1;
using namespace sluice::test;
using namespace std::literals;

namespace {

class Stage final : public FakeService<ServerConnection> {
 public:
  // `clear_text`: what the client said where it was to speak TLS.
  explicit Stage(std::string_view clear_text = {}) {
    if (!clear_text.empty()) connection->take_clear_text(clear_text);
    connection->run();
  }

  // Says `bytes`, closes its half, and returns all that came back until the connection was over.
  std::string talk(std::string_view bytes) {
    const auto script = [&]() -> Task<void> {
      put(pair.second(), bytes);
      ::shutdown(pair.second(), SHUT_WR);
      co_await until_ended();
    };
    test::run(loop, script);
    return heard;
  }
  Task<void> until_ended() {
    while (connection != nullptr) {
      heard += drain(pair.second());
      co_await loop.yield();
    }
    heard += drain(pair.second());
  }
  Task<void> until_heard(std::string_view end) {
    while (connection != nullptr && !heard.ends_with(end)) {
      heard += drain(pair.second());
      co_await loop.yield();
    }
  }

  std::string heard;
};

using Served = std::vector<std::string>;

std::string ok(const std::string& body, const std::string& extra = "") {
  return "HTTP/1.1 200 OK\r\n" + extra + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("one request, one response, and the next", "[http1][server]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    put(stage.pair.second(), "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await stage.until_heard("ok1");
    put(stage.pair.second(), "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    for (int i = 0; i < 3; ++i)
      co_await stage.loop.yield();
    put(stage.pair.second(), "lo");
    co_await stage.until_heard("ok2");
    CHECK(stage.connection != nullptr);
    put(stage.pair.second(), "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stage.heard.clear();
    co_await stage.until_heard("ok3");
    CHECK(stage.heard == ok("ok3", "Connection: close\r\n"));
    ::shutdown(stage.pair.second(), SHUT_WR);
    co_await stage.until_ended();
  };
  run(stage.loop, script);
  CHECK(stage.served == Served{"GET /1 ", "POST /2 hello", "GET /3 "});
}

TEST_CASE("requests sent at once are answered in order", "[http1][server]") {
  Stage stage;
  const std::string heard = stage.talk(
      "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(heard == ok("ok1") + ok("ok2") + ok("ok3"));
  CHECK(stage.served == Served{"POST /1 abc", "GET /2 ", "GET /3 "});
}

TEST_CASE("a request that arrives byte by byte", "[http1][server]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (
        const char c :
        "\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"s) {
      put(stage.pair.second(), {&c, 1});
      co_await stage.loop.yield();
    }
    co_await stage.until_heard("ok1");
    CHECK(stage.connection != nullptr);
    ::shutdown(stage.pair.second(), SHUT_WR);
    co_await stage.until_ended();
  };
  run(stage.loop, script);
  CHECK(stage.served == Served{"POST / abc"});
}

TEST_CASE("a few empty lines before a request are passed over", "[http1][server]") {
  for (const int empty_lines : {1, 4, 5}) {
    CAPTURE(empty_lines);
    Stage stage;
    const auto script = [&]() -> Task<void> {
      for (int i = 0; i < empty_lines; ++i) {
        put(stage.pair.second(), "\r\n");
        for (int turn = 0; turn < 3; ++turn)
          co_await stage.loop.yield();
      }
      put(stage.pair.second(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      ::shutdown(stage.pair.second(), SHUT_WR);
      co_await stage.until_ended();
    };
    run(stage.loop, script);
    CHECK(stage.served.size() == (empty_lines < 5 ? 1 : 0));
    CHECK(stage.refused.size() == (empty_lines < 5 ? 0 : 1));
  }
}

TEST_CASE("clear text at a TLS port is refused whatever it asks for", "[http1][server]") {
  for (const std::string& bytes : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s,
                                   "GET /"s + std::string(40'000, 'x')}) {
    const bool whole_line = bytes.ends_with('\n');
    Stage stage(bytes.substr(0, 3));
    const std::string heard = stage.talk(std::string_view(bytes).substr(3));
    CHECK(stage.served.empty());
    CHECK(stage.refused == std::vector<ErrorKind>(whole_line ? 1 : 0, ErrorKind::tls_failed));
    CHECK(heard.starts_with("HTTP/1.1 400 ") == whole_line);
  }
}

TEST_CASE("what cannot be read is refused, and nothing after it is looked at", "[http1][server]") {
  const struct {
    const char* bytes;
    ErrorKind kind;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::malformed},
      {"GET / HTTP/1.1\nHost: a\n\n", ErrorKind::malformed},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ErrorKind::version_unsupported},
      {"\x16\x03\x01\x02", ErrorKind::malformed},
      {"\r\n\n", ErrorKind::malformed},
      {"\r\n\r\r\n", ErrorKind::malformed},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: y", ErrorKind::malformed},
      {"GET", ErrorKind::malformed},
      {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::method_refused},
  };
  for (const auto& c : cases) {
    CAPTURE(c.bytes);
    Stage stage;
    const std::string heard = stage.talk(c.bytes);
    CHECK(stage.served.empty());
    CHECK(stage.refused == std::vector<ErrorKind>{c.kind});
    CHECK(heard.find("Connection: close\r\n") != std::string::npos);
    CHECK(heard.find("HTTP/1.1 ", 1) == std::string::npos);  // one answer
  }
}

TEST_CASE("a connection that says nothing ends without a word", "[http1][server]") {
  Stage stage;
  CHECK(stage.talk("").empty());
  CHECK(stage.refused.empty());
}

TEST_CASE("heads and targets have their bounds", "[http1][server]") {
  const auto refused = [](const std::string& bytes) {
    Stage stage;
    stage.settings_now.limits = {1024, 5};
    stage.talk(bytes);
    return stage.refused.empty() ? ErrorKind::none : stage.refused[0];
  };
  const std::string line = "GET / HTTP/1.1\r\nHost: a\r\n";
  const std::string fits(1024 - line.size() - 7, 'x');
  CHECK(refused(line + "X: " + fits + "\r\n\r\n") == ErrorKind::none);
  CHECK(refused(line + "X: " + fits + "y\r\n\r\n") == ErrorKind::head_too_large);
  CHECK(refused(line + "X: " + std::string(5000, 'x')) == ErrorKind::head_too_large);
  CHECK(refused(line + "A: a\r\nB: b\r\nC: c\r\nD: d\r\nE: e\r\n\r\n") == ErrorKind::head_too_large);
  CHECK(refused("GET /" + std::string(5000, 'x')) == ErrorKind::target_too_long);
  CHECK(refused("GET /" + std::string(2000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n") ==
        ErrorKind::target_too_long);
}

TEST_CASE("a head that does not come in time is refused, an idle connection just ends", "[http1][server]") {
  Stage slow;
  slow.settings_now.header = 50 * kMilli;
  const auto script = [&]() -> Task<void> {
    put(slow.pair.second(), "GET / HTTP/1.1\r\nHo");
    while (slow.refused.empty())
      co_await slow.loop.yield();
    ::shutdown(slow.pair.second(), SHUT_WR);
    co_await slow.until_ended();
  };
  run(slow.loop, script);
  CHECK(slow.refused == std::vector<ErrorKind>{ErrorKind::timed_out});
  CHECK(slow.heard.starts_with("HTTP/1.1 408 "));

  Stage idle;
  idle.settings_now.idle = 50 * kMilli;
  const auto waiting = [&]() -> Task<void> {
    put(idle.pair.second(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await idle.until_ended();
  };
  run(idle.loop, waiting);
  CHECK(idle.heard == ok("ok1"));
}

TEST_CASE("a body of unknown length is chunked, or ends with the connection", "[http1][server]") {
  for (const char* version : {"1.1", "1.0"}) {
    Stage stage;
    stage.serving = [](Exchange& exchange) -> Task<void> {
      answer_with(exchange, "hello");
      exchange.response.framing = Framing::chunked;
      co_await exchange.downstream->respond();
    };
    const std::string heard =
        stage.talk("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    if (version == "1.1"sv) {
      CHECK(heard == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    } else {
      CHECK(heard == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    }
  }
}

TEST_CASE("HEAD, 204 and 304 have no body", "[http1][server]") {
  for (const int status : {200, 204, 304}) {
    Stage stage;
    stage.serving = [status](Exchange& exchange) -> Task<void> {
      answer_with(exchange, "hello");
      exchange.response.status = static_cast<std::uint16_t>(status);
      if (status == 204) exchange.response.framing = Framing::none;
      co_await exchange.downstream->respond();
    };
    const std::string method = status == 200 ? "HEAD" : "GET";
    const std::string heard = stage.talk(method + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(heard == "HTTP/1.1 " + std::to_string(status) + " OK\r\n" +
                       (status == 204 ? "" : "Content-Length: 5\r\n") + "\r\n");
  }
}

TEST_CASE("a response that is not preceded by all of its request", "[http1][server]") {
  // A little is read over; after more, or where the client waits to be asked, the connection ends.
  const auto heard_after = [](std::string_view bytes, std::string_view more) {
    Stage stage;
    stage.serving = [&stage](Exchange& exchange) -> Task<void> {
      stage.served.emplace_back(exchange.request.target);
      answer_with(exchange, "no");
      co_await exchange.downstream->respond();
    };
    const std::string all = std::string(bytes) + std::string(more);
    const auto script = [&]() -> Task<void> {
      for (std::size_t at = 0; at < all.size() && stage.connection != nullptr;) {
        const ssize_t sent = ::send(stage.pair.second(), all.data() + at, all.size() - at, MSG_NOSIGNAL);
        if (sent > 0) at += static_cast<std::size_t>(sent);
        co_await stage.loop.yield();
      }
      ::shutdown(stage.pair.second(), SHUT_WR);
      co_await stage.until_ended();
    };
    test::run(stage.loop, script);
    CHECK(stage.refused.empty());  // what is left of a body is never taken for a request
    return stage.served.size();
  };
  const auto body_of = [](std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(heard_after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", next) == 2);
  CHECK(heard_after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                    next) == 2);
  CHECK(heard_after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", next) ==
        1);
  CHECK(heard_after("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 32\r\n\r\n",
                    next) == 1);
  CHECK(heard_after(body_of(200'000), next) == 2);
  CHECK(heard_after(body_of(1'000'000), next) == 1);
}

TEST_CASE("an interim response goes before the final one, and not to HTTP/1.0", "[http1][server]") {
  for (const char* version : {"1.1", "1.0"}) {
    Stage stage;
    stage.serving = [](Exchange& exchange) -> Task<void> {
      ResponseHead hints;
      hints.status = 103;
      hints.reason = "Early Hints";
      const Error error = co_await exchange.downstream->interim(hints);
      CHECK_FALSE(error);
      answer_with(exchange, "x");
      co_await exchange.downstream->respond();
    };
    const std::string heard = stage.talk("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n\r\n");
    CHECK(heard.starts_with("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200") == (version == "1.1"sv));
  }
}

TEST_CASE("a body that breaks off breaks the message", "[http1][server]") {
  struct Broken final : BodySource {
    bool first = true;
    Fields none;
    BodyStep poll(std::string_view& piece) override {
      piece = "half";
      return std::exchange(first, false) ? BodyStep::data : BodyStep::failed;
    }
    Task<void> fill() override { co_return; }
    void stop() override {}
    Error error() const override { return {ErrorKind::closed, Side::upstream}; }
    const Fields& trailers() const override { return none; }
  } broken;
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    exchange.response.status = 200;
    exchange.response.framing = Framing::chunked;
    exchange.response_body = &broken;
    const Error error = co_await exchange.downstream->respond();
    CHECK(error == Error{ErrorKind::closed, Side::upstream});
  };
  const std::string heard =
      stage.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(heard.ends_with("4\r\nhalf\r\n"));  // and no last chunk, and no further response
}

TEST_CASE("draining: the request under way is finished and says close, an idle connection ends",
          "[http1][server]") {
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    stage.connection->drain();
    answer_with(exchange, "last");
    co_await exchange.downstream->respond();
  };
  CHECK(stage.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == ok("last", "Connection: close\r\n"));

  Stage idle;
  const auto script = [&]() -> Task<void> {
    put(idle.pair.second(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await idle.until_heard("ok1");
    for (int i = 0; i < 3; ++i)
      co_await idle.loop.yield();
    const Nanos began = idle.loop.now();
    idle.connection->drain();
    co_await idle.until_ended();
    CHECK(idle.loop.now() - began < 2 * kSecond);
  };
  run(idle.loop, script);
}

TEST_CASE("a client that is gone for good is noticed while nobody reads from it", "[http1][server]") {
  Stage stage;
  bool gone = false;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    exchange.downstream->on_departure([](void* flag, Departure /*how*/) { *static_cast<bool*>(flag) = true; },
                                      &gone);
    stage.pair.close_second();
    while (!gone)
      co_await stage.loop.yield();
    exchange.downstream->on_departure(nullptr, nullptr);
  };
  const auto script = [&]() -> Task<void> {
    put(stage.pair.second(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
  CHECK(gone);
}

namespace {

// Answers with the body of the request, through one filter or two.
std::function<Task<void>(Exchange&)> echo_filtered(Doubling::Seen& seen, int filters) {
  return [&seen, filters](Exchange& exchange) -> Task<void> {
    if (exchange.request_body == nullptr) {
      answer_with(exchange, "ab");
    } else {
      exchange.response.status = 200;
      exchange.response.reason = "OK";
      exchange.response.framing = exchange.request.framing;
      exchange.response.length = exchange.request.length;
      exchange.response_body = exchange.request_body;
    }
    for (int i = 0; i < filters; ++i)
      exchange.filter_response<Doubling>(seen, i == 0 ? "." : "!");
    co_await exchange.downstream->respond();
    exchange.end_filters();
    CHECK(exchange.response_body == nullptr);
  };
}

}  // namespace

TEST_CASE("a filtered body is framed by what comes out of it", "[http1][server][filter]") {
  Doubling::Seen seen;
  {
    Stage stage;
    stage.serving = echo_filtered(seen, 1);
    CHECK(stage.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\naabb\r\n1\r\n.\r\n0\r\n\r\n");
  }
  {
    Stage stage;
    stage.serving = echo_filtered(seen, 1);
    CHECK(stage.talk("GET / HTTP/1.0\r\nHost: a\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\naabb.");
  }
  {
    // What GET would say of its length nobody knows, and HEAD must not say another.
    Stage stage;
    stage.serving = echo_filtered(seen, 1);
    CHECK(stage.talk("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 200 OK\r\n\r\n");
  }
  CHECK(seen.made == 3);
  CHECK(seen.destroyed == 3);
}

TEST_CASE("filters chain, and pass trailers and back-pressure on", "[http1][server][filter]") {
  Doubling::Seen seen;
  Stage stage;
  stage.serving = echo_filtered(seen, 2);
  CHECK(stage
            .talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "1\r\na\r\n1\r\nb\r\n0\r\nX-Sum: 7\r\n\r\n")
            .ends_with("4\r\naaaa\r\n4\r\nbbbb\r\n2\r\n..\r\n1\r\n!\r\n0\r\nX-Sum: 7\r\n\r\n"));
  CHECK(seen.destroyed == 2);
}

TEST_CASE("a filter is polled no faster than its client reads, and ends with it", "[http1][server][filter]") {
  constexpr std::size_t kSize = 8 * 1024 * 1024;
  Doubling::Seen seen;
  Stage stage;
  const std::string large(kSize, 'x');
  Error failed;
  bool over = false;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    exchange.response.status = 200;
    exchange.response.framing = Framing::length;
    exchange.response.length = kSize;
    exchange.response_body = exchange.request_body;
    exchange.filter_response<Doubling>(seen, ".");
    failed = co_await exchange.downstream->respond();
    exchange.end_filters();
    over = true;
  };
  const auto script = [&]() -> Task<void> {
    put(stage.pair.second(),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n");
    std::size_t sent = 0;
    std::size_t before = SIZE_MAX;
    // Until nothing moves any more: the client sends what it can, and reads nothing.
    for (int still = 0; still < 50; still = before == seen.bytes ? still + 1 : 0) {
      before = seen.bytes;
      const ssize_t taken = ::send(stage.pair.second(), large.data(),
                                   std::min(kSize - sent, std::size_t{65'536}), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (taken > 0) sent += static_cast<std::size_t>(taken);
      co_await stage.loop.yield();
    }
    CHECK(seen.bytes > 0);
    CHECK(seen.bytes < kSize / 2);
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
  CHECK(over);
  CHECK(failed);
  CHECK(seen.destroyed == 1);
}
