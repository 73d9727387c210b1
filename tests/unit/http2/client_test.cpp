// A connection to a server, with the test as server.
#include "sluice/http2/client.hpp"

#include "http2/websocket.hpp"
#include "unit/http2/wire.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http2;
using namespace sluice::test;
using namespace std::literals;
using http::BodyStep;
using http::FieldId;
using http::Framing;

namespace {

using Lines = std::vector<std::string>;

// A body that comes when the test says so.
class Feed final : public http::BodySource {
 public:
  explicit Feed(net::Loop& loop) : loop_(loop) {}
  BodyStep poll(std::string_view& piece) override {
    if (stopped) return BodyStep::failed;
    if (text.size() > given_) {
      piece = std::string_view(text).substr(given_);
      given_ = text.size();
      return BodyStep::data;
    }
    return ended ? BodyStep::end : BodyStep::wait;
  }
  Task<void> fill() override {
    while (!stopped && !ended && text.size() == given_)
      co_await loop_.yield();
  }
  void stop() override { stopped = true; }
  Error error() const override { return {ErrorKind::cancelled, Side::downstream}; }
  const http::Fields& trailers() const override { return fields; }

  std::string text;
  bool ended = false;
  bool stopped = false;
  http::Fields fields;

 private:
  net::Loop& loop_;
  std::size_t given_ = 0;
};

// One request, and what comes of it.
class Asking final : private http::Downstream {
 public:
  Asking(net::Loop& loop, ClientConnection& connection) : body(loop), stream(connection.open()), loop_(loop) {
    exchange.downstream = this;
    exchange.request.method_text = "GET";
    exchange.request.method = http::Method::get;
    exchange.request.target = "/";
    exchange.request.authority = "app.example";
  }
  Asking& post() {
    exchange.request.method_text = "POST";
    exchange.request.method = http::Method::post;
    exchange.request.framing = Framing::chunked;
    exchange.request_body = &body;
    return *this;
  }
  Asking& header(std::string_view name, std::string_view value) {
    exchange.request.fields.add(exchange.arena, name, value, http::field_id(name));
    return *this;
  }

  Task<void> run() {
    stream->begin(limits);
    sent = co_await stream->send(exchange, "default.example");
    if (!sent && !stream->sent_all()) upload();
    error = co_await stream->receive(exchange);
    headed = true;
    if (!error) co_await read();
    done = true;
  }
  Task<void> until_headed(Wire& wire) {
    while (!headed)
      co_await wire.turn();
  }
  Task<void> until_done(Wire& wire) {
    while (!done || uploading)
      co_await wire.turn();
  }
  Detached upload() {
    uploading = true;
    uploaded = co_await stream->upload(exchange);
    uploading = false;
  }

  http::Exchange exchange;
  Feed body;
  http::UpstreamLimits limits{5 * kSecond, 5 * kSecond};
  std::unique_ptr<ClientStream> stream;
  Error sent;
  Error error;
  Error uploaded;
  Error body_error;
  std::string text;
  std::vector<int> interims;
  bool headed = false;
  bool done = false;
  bool uploading = false;
  bool reads = true;

 private:
  Task<void> read() {
    while (exchange.response_body != nullptr && reads) {
      std::string_view piece;
      const BodyStep step = exchange.response_body->poll(piece);
      if (step == BodyStep::data) text += piece;
      if (step == BodyStep::wait) co_await exchange.response_body->fill();
      if (step == BodyStep::end) break;
      if (step == BodyStep::failed) {
        body_error = exchange.response_body->error();
        break;
      }
    }
  }
  Task<Error> interim(const http::ResponseHead& head) override {
    interims.push_back(head.status);
    co_return Error{};
  }
  Task<Error> respond() override { co_return Error{}; }
  http::BodySource& open_tunnel() override { std::abort(); }
  void bound_body(std::uint64_t /*most*/) override {}
  void close_after() override {}
  void on_departure(Departed /*departed*/, void* /*context*/) override {}

  net::Loop& loop_;
};

struct Stage final : ClientOwner {
  Stage() {
    connection =
        new ClientConnection(std::make_unique<net::Transport>(loop, pair.take_first(), false), *this);
    connection->run();
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Plays `script` with a server that has said its settings; then the server closes.
  template <class F>
  void play(F script, std::initializer_list<std::pair<Setting, std::uint32_t>> settings = {}) {
    const auto whole = [&]() -> Task<void> {
      wire.say_settings(settings);
      while (!connection->is_ready())
        co_await wire.turn();
      co_await script();
      pair.close_second();
      while (connection != nullptr)
        co_await loop.yield();
    };
    test::run(loop, whole);
    CHECK(readies == 1);
  }
  std::unique_ptr<Asking> ask() { return std::make_unique<Asking>(loop, *connection); }

  net::Loop loop;
  SocketPair pair;
  Wire wire{loop, pair.second()};
  ClientConnection* connection = nullptr;
  int readies = 0;
  int releases = 0;

 private:
  void ready(ClientConnection& of) override {
    CHECK(&of == connection);
    ++readies;
  }
  void released(ClientConnection& of) override {
    CHECK(&of == connection);
    ++releases;
  }
  void ended(ClientConnection& of) override {
    CHECK(&of == connection);
    CHECK(of.active() == 0);
    delete std::exchange(connection, nullptr);
  }
};

const Texts kOk{{":status", "200"}};

}  // namespace

TEST_CASE("a request to a server, and its response", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->header("Host", "ignored").header("X-Thing", "thing");
    start(asking->run());
    co_await stage.wire.until(1, "END");
    CHECK(stage.wire.of(1) ==
          Lines{"HEAD :method=GET :scheme=http :authority=app.example :path=/ x-thing=thing", "END"});
    CHECK(asking->stream->sent_all());
    CHECK_FALSE(asking->stream->heard());
    stage.wire.say_head(1, {{":status", "200"}, {"content-length", "5"}, {"x", "y"}}, 0);
    stage.wire.say_data(1, "hello", kEndStream);
    co_await asking->until_done(stage.wire);
    CHECK_FALSE(asking->error);
    CHECK(asking->stream->heard());
    CHECK(asking->exchange.response.status == 200);
    CHECK(asking->exchange.response.fields.find("x")->value == "y");
    CHECK(asking->text == "hello");
    CHECK_FALSE(asking->body_error);
  });
  CHECK(stage.releases == 1);
  CHECK(stage.wire.of(1).back() == "END");  // and nothing is reset
}

TEST_CASE("a request for a host that the client did not name", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->exchange.request.authority = {};
    start(asking->run());
    co_await stage.wire.until(1, "END");
    stage.wire.say_head(1, kOk, kEndStream);
    co_await asking->until_done(stage.wire);
  });
  CHECK(stage.wire.of(1)[0].find(":authority=default.example") != std::string::npos);
}

TEST_CASE("many requests at a time, answered in any order", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    std::vector<std::unique_ptr<Asking>> askings;
    for (int i = 0; i < 5; ++i) {
      askings.push_back(stage.ask());
      start(askings.back()->run());
    }
    co_await stage.wire.until(9, "END");
    CHECK(stage.connection->active() == 5);
    for (const std::uint32_t id : {9, 1, 5, 3, 7}) {
      stage.wire.say_head(id, kOk, 0);
      stage.wire.say_data(id, std::to_string(id), kEndStream);
    }
    for (std::size_t i = 0; i < 5; ++i) {
      co_await askings[i]->until_done(stage.wire);
      CHECK(askings[i]->text == std::to_string(2 * i + 1));
    }
    askings.clear();
    CHECK(stage.connection->active() == 0);
  });
}

TEST_CASE("a request body as it comes, within the server's windows, with its trailers", "[http2][client]") {
  Stage stage;
  const std::string large = pattern(100'000);
  stage.play(
      [&]() -> Task<void> {
        const auto asking = stage.ask();
        asking->post();
        asking->exchange.own_field = "x-tenant";
        asking->body.fields.add(asking->exchange.arena, "X-Sum", "6", FieldId::other);
        asking->body.fields.add(asking->exchange.arena, "X_Tenant", "forged", FieldId::look_alike);
        start(asking->run());
        co_await stage.wire.until(1, "HEAD");
        CHECK(stage.wire.of(1).size() == 1);
        asking->body.text = large;
        co_await stage.wire.settle();
        CHECK(stage.wire.body(1).size() == 1'000);
        stage.wire.say_window(1, 1'000'000);
        co_await stage.wire.settle();
        CHECK(stage.wire.body(1).size() == 65'535);
        stage.wire.say_window(0, 1'000'000);
        co_await stage.wire.settle();
        CHECK(stage.wire.body(1) == large);
        CHECK_FALSE(asking->stream->sent_all());
        asking->body.ended = true;
        co_await stage.wire.until(1, "END");
        CHECK(stage.wire.of(1)[2] == "HEAD x-sum=6");
        stage.wire.say_head(1, kOk, kEndStream);
        co_await asking->until_done(stage.wire);
        CHECK_FALSE(asking->uploaded);
        CHECK(asking->stream->sent_all());
      },
      {{Setting::initial_window_size, 1'000}});
  CHECK(stage.wire.largest_frame <= 16'384);
}

TEST_CASE("trailers of a server's response", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->exchange.request.trailers_wanted = true;
    start(asking->run());
    co_await stage.wire.until(1, "END");
    CHECK(stage.wire.of(1)[0].ends_with(" te=trailers"));
    stage.wire.say_head(1, kOk, 0);
    stage.wire.say_data(1, "message");
    stage.wire.say_head(1, {{"grpc-status", "0"}}, kEndStream);
    co_await asking->until_done(stage.wire);
    CHECK(asking->text == "message");
    const http::Field* status = asking->exchange.response_body->trailers().find("grpc-status");
    CHECK((status != nullptr && status->value == "0"));
  });
}

TEST_CASE("a response that is large is read as it is wanted", "[http2][client]") {
  Stage stage;
  const std::string full = pattern(16'384);
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->reads = false;
    start(asking->run());
    co_await stage.wire.until(1, "END");
    stage.wire.say_head(1, kOk, 0);
    for (int i = 0; i < 8; ++i)  // 128 KiB is what was announced
      stage.wire.say_data(1, full);
    co_await stage.wire.settle();
    CHECK_FALSE(stage.wire.heard(1, "WINDOW"));
    CHECK_FALSE(stage.wire.heard(1, "RST"));
    CHECK_FALSE(stage.wire.gone());
    stage.wire.say_data(1, "x");
    co_await stage.wire.until(0, "GOAWAY 0 flow_control_error");
  });
}

TEST_CASE("interim responses of a server are passed on, a flood of them is not", "[http2][client]") {
  for (const int count : {3, 100}) {
    Stage stage;
    stage.play([&]() -> Task<void> {
      const auto asking = stage.ask();
      start(asking->run());
      co_await stage.wire.until(1, "END");
      for (int i = 0; i < count; ++i)
        stage.wire.say_head(1, {{":status", "103"}}, 0);
      if (count == 3) stage.wire.say_head(1, kOk, kEndStream);
      co_await asking->until_done(stage.wire);
      CHECK(bool(asking->error) == (count == 100));
      if (count == 3) CHECK(asking->interims == std::vector<int>{103, 103, 103});
    });
  }
}

TEST_CASE("how many streams a server allows", "[http2][client]") {
  Stage stage;
  stage.play(
      [&]() -> Task<void> {
        CHECK(stage.connection->available());
        auto first = stage.ask();
        CHECK(stage.connection->available());
        auto second = stage.ask();
        CHECK_FALSE(stage.connection->available());
        second.reset();
        CHECK(stage.connection->available());
        stage.wire.say_settings({{Setting::max_concurrent_streams, 1}});
        co_await stage.wire.settle();
        CHECK_FALSE(stage.connection->available());
        stage.wire.say_settings({{Setting::max_concurrent_streams, 1'000'000}});
        co_await stage.wire.settle();
        std::vector<std::unique_ptr<Asking>> many;
        while (stage.connection->available() && many.size() < 1'000)
          many.push_back(stage.ask());
        CHECK(many.size() + 1 == ClientConnection::kMostStreams);
      },
      {{Setting::max_concurrent_streams, 2}});
}

TEST_CASE("a server that leaves: what it did not look at is refused, the rest goes on", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto first = stage.ask();
    const auto second = stage.ask();
    start(first->run());
    start(second->run());
    co_await stage.wire.until(3, "END");
    stage.wire.say_goaway(1, Code::no_error);
    co_await second->until_done(stage.wire);
    CHECK(second->error == Error{ErrorKind::refused, Side::upstream});
    CHECK_FALSE(second->stream->heard());
    CHECK_FALSE(stage.connection->available());
    CHECK_FALSE(first->done);
    stage.wire.say_head(1, kOk, 0);
    stage.wire.say_data(1, "last", kEndStream);
    co_await first->until_done(stage.wire);
    CHECK_FALSE(first->error);
    CHECK(first->text == "last");
  });
}

TEST_CASE("a connection ends with its last stream when the server leaves", "[http2][client]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.wire.say_settings();
    while (!stage.connection->is_ready())
      co_await stage.wire.turn();
    auto asking = stage.ask();
    start(asking->run());
    co_await stage.wire.until(1, "END");
    stage.wire.say_goaway(1, Code::no_error);
    stage.wire.say_head(1, kOk, kEndStream);
    co_await asking->until_done(stage.wire);
    CHECK(stage.connection != nullptr);
    asking.reset();
    // It says FIN; ours follows.
    char byte = 0;
    while (::recv(stage.pair.second(), &byte, 1, MSG_PEEK) != 0) {
      drain(stage.pair.second());
      co_await stage.loop.yield();
    }
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
}

TEST_CASE("a stream that was promised before the server left is refused", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    stage.wire.say_goaway(0, Code::no_error);
    co_await stage.wire.turns(5);
    start(asking->run());
    co_await asking->until_done(stage.wire);
    CHECK(asking->sent == Error{ErrorKind::refused, Side::upstream});
    CHECK_FALSE(asking->stream->heard());
  });
  CHECK(stage.wire.of(1).empty());
}

TEST_CASE("a stream that was promised when the server allowed more is refused", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto first = stage.ask();
    const auto second = stage.ask();
    start(first->run());
    stage.wire.say_settings({{Setting::max_concurrent_streams, 1}});
    co_await stage.wire.settle();
    start(second->run());
    co_await second->until_done(stage.wire);
    CHECK(second->sent == Error{ErrorKind::refused, Side::upstream});
    CHECK(stage.wire.of(3).empty());
    stage.wire.say_head(1, kOk, kEndStream);
    co_await first->until_done(stage.wire);
  });
}

TEST_CASE("what a server's RST_STREAM means", "[http2][client]") {
  const struct {
    Code code;
    ErrorKind kind;
  } cases[] = {{Code::refused_stream, ErrorKind::refused},
               {Code::internal_error, ErrorKind::abandoned},
               {Code::cancel, ErrorKind::abandoned},
               {Code::no_error, ErrorKind::abandoned}};
  for (const auto& c : cases) {
    Stage stage;
    stage.play([&]() -> Task<void> {
      const auto asking = stage.ask();
      start(asking->run());
      co_await stage.wire.until(1, "END");
      stage.wire.say_reset(1, c.code);
      co_await asking->until_done(stage.wire);
      CHECK(asking->error == Error{c.kind, Side::upstream});
      CHECK(stage.connection->available());
    });
  }
}

TEST_CASE("a response that breaks off is seen to", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto reset = stage.ask();
    const auto closed = stage.ask();
    start(reset->run());
    start(closed->run());
    co_await stage.wire.until(3, "END");
    stage.wire.say_head(1, kOk, 0);
    stage.wire.say_data(1, "half");
    stage.wire.say_head(3, kOk, 0);
    co_await closed->until_headed(stage.wire);
    stage.wire.say_reset(1, Code::internal_error);
    co_await reset->until_done(stage.wire);
    CHECK_FALSE(reset->error);
    CHECK(reset->body_error == Error{ErrorKind::abandoned, Side::upstream});
    ::shutdown(stage.pair.second(), SHUT_WR);
    co_await closed->until_done(stage.wire);
    CHECK(closed->body_error == Error{ErrorKind::closed, Side::upstream});
  });
}

TEST_CASE("an answer before the request is complete: the rest is not sent when the server does not want it",
          "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->post();
    start(asking->run());
    co_await stage.wire.until(1, "HEAD");
    stage.wire.say_head(1, {{":status", "413"}}, 0);
    stage.wire.say_data(1, "too much", kEndStream);
    stage.wire.say_reset(1, Code::no_error);
    co_await stage.wire.settle();
    asking->body.text = "more";
    asking->body.ended = true;
    co_await asking->until_done(stage.wire);
    CHECK_FALSE(asking->error);
    CHECK(asking->exchange.response.status == 413);
    CHECK(asking->text == "too much");
  });
  CHECK(stage.wire.body(1).empty());
}

TEST_CASE("an exchange that is cancelled or dropped tells the server", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto cancelled = stage.ask();
    auto dropped = stage.ask();
    auto never_sent = stage.ask();
    dropped->reads = false;
    start(cancelled->run());
    start(dropped->run());
    co_await stage.wire.until(3, "END");
    cancelled->stream->cancel(ErrorKind::cancelled);
    co_await cancelled->until_done(stage.wire);
    CHECK(cancelled->error == Error{ErrorKind::cancelled, Side::upstream});
    stage.wire.say_head(3, kOk, 0);
    co_await dropped->until_done(stage.wire);
    dropped.reset();
    never_sent.reset();
    co_await stage.wire.settle();
    // What crossed is nothing bad.
    stage.wire.say_data(3, "late", kEndStream);
    stage.wire.say_head(1, kOk, kEndStream);
    co_await stage.wire.settle();
    CHECK_FALSE(stage.wire.gone());
    CHECK(stage.connection->available());
  });
  CHECK(stage.wire.of(1).back() == "RST cancel");
  CHECK(stage.wire.of(3).back() == "RST cancel");
}

TEST_CASE("a server that does not answer in time", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    auto silent = stage.ask();
    silent->limits.first_byte = 50 * kMilli;
    start(silent->run());
    co_await silent->until_done(stage.wire);
    CHECK(silent->error == Error{ErrorKind::timed_out, Side::upstream});
    silent.reset();
    co_await stage.wire.until(1, "RST cancel");
  });
}

TEST_CASE("a response body that does not go on in time", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto slow = stage.ask();
    slow->limits.body = 50 * kMilli;
    start(slow->run());
    co_await stage.wire.until(1, "END");
    stage.wire.say_head(1, kOk, 0);
    stage.wire.say_data(1, "half");
    co_await slow->until_done(stage.wire);
    CHECK(slow->text == "half");
    CHECK(slow->body_error == Error{ErrorKind::timed_out, Side::upstream});
  });
}

TEST_CASE("responses that break their stream and no other", "[http2][client]") {
  const auto head = [](const Texts& fields, std::uint8_t flags) {
    HpackEncoder encoder;
    std::string block;
    encoder.begin(block);
    for (const auto& [name, value] : fields)
      encoder.field(block, name, value, http::field_id(name));
    return frame(FrameType::headers, static_cast<std::uint8_t>(flags | kEndHeaders), 1, block);
  };
  const std::string cases[] = {
      head({}, 0),
      head({{":status", "101"}}, 0),
      head({{":status", "200"}, {"connection", "close"}}, 0),
      head({{":status", "100"}}, kEndStream),
      frame(FrameType::data, 0, 1, "before the head"),
      head(kOk, 0) + head(kOk, kEndStream),
      head(kOk, 0) + head({{"x", "y"}}, 0),
      head({{":status", "200"}, {"content-length", "3"}}, 0) + frame(FrameType::data, kEndStream, 1, "ab"),
      head({{":status", "200"}, {"content-length", "3"}}, 0) + frame(FrameType::data, 0, 1, "abcd"),
      head({{":status", "304"}}, 0) + frame(FrameType::data, kEndStream, 1, "ab"),
  };
  for (const std::string& bytes : cases) {
    CAPTURE(bytes);
    Stage stage;
    stage.play([&]() -> Task<void> {
      const auto broken = stage.ask();
      const auto whole = stage.ask();
      start(broken->run());
      start(whole->run());
      co_await stage.wire.until(3, "END");
      stage.wire.say(bytes);
      co_await broken->until_done(stage.wire);
      co_await stage.wire.until(1, "RST protocol_error");
      const bool no_body = broken->exchange.response_body == nullptr;
      CHECK((no_body || broken->error.kind == ErrorKind::malformed ||
             broken->body_error.kind == ErrorKind::malformed));
      CHECK_FALSE(stage.wire.gone());
      CHECK_FALSE(whole->done);
      stage.wire.say_head(3, kOk, kEndStream);
      co_await whole->until_done(stage.wire);
      CHECK_FALSE(whole->error);
    });
  }
}

TEST_CASE("what a server must never say ends the connection", "[http2][client]") {
  const struct {
    std::string bytes;
    const char* code;
  } cases[] = {
      {frame(FrameType::push_promise, kEndHeaders, 1, number(2)), "protocol_error"},
      {frame(FrameType::settings, 0, 0, setting(Setting::enable_push, 1)), "protocol_error"},
      {frame(FrameType::headers, kEndHeaders, 2, "\x88"), "protocol_error"},
      {frame(FrameType::headers, kEndHeaders, 9, "\x88"), "protocol_error"},
      {frame(FrameType::data, 0, 9, "x"), "protocol_error"},
      {frame(FrameType::headers, kEndHeaders, 1, "\x80"), "compression_error"},
      {frame(FrameType::priority_update, 0, 0, number(1) + "u=1"), "protocol_error"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.bytes);
    Stage stage;
    stage.play([&]() -> Task<void> {
      const auto asking = stage.ask();
      start(asking->run());
      co_await stage.wire.until(1, "END");
      stage.wire.say(c.bytes);
      co_await asking->until_done(stage.wire);
      CHECK(asking->error);
      CHECK_FALSE(stage.connection->available());
      while (!stage.wire.gone())
        co_await stage.wire.turn();
      CHECK(stage.wire.of_connection.back() == "GOAWAY 0 "s + c.code);
    });
  }
}

TEST_CASE("a server that is none is ready never, and ended then", "[http2][client]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.wire.say("HTTP/1.1 400 Bad Request\r\n\r\n");
    while (!stage.wire.gone())
      co_await stage.wire.turn();
    CHECK_FALSE(stage.connection->is_ready());
    CHECK_FALSE(stage.connection->available());
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
  CHECK(stage.readies == 1);
}

TEST_CASE("an upgrade becomes an extended CONNECT where the server knows it", "[http2][client]") {
  Stage stage;
  stage.play(
      [&]() -> Task<void> {
        const auto asking = stage.ask();
        asking->header(kWebSocketKey, "dGhlIHNhbXBsZSBub25jZQ==").header("Sec-WebSocket-Version", "13");
        asking->exchange.request.upgrade = "websocket";
        start(asking->run());
        co_await stage.wire.until(1, "HEAD");
        CHECK(stage.wire.of(1) == Lines{"HEAD :method=CONNECT :scheme=http :authority=app.example :path=/ "
                                        ":protocol=websocket sec-websocket-version=13"});
        stage.wire.say_head(1, kOk, 0);
        stage.wire.say_data(1, "hello", kEndStream);
        co_await asking->until_done(stage.wire);
        CHECK(asking->exchange.response.status == 101);
        CHECK(asking->exchange.response.fields.find(kWebSocketAccept)->value ==
              "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        CHECK(asking->text == "hello");
        asking->exchange.request_body = &asking->body;
        asking->body.text = "and back";
        asking->body.ended = true;
        asking->upload();
        co_await stage.wire.until(1, "END");
        CHECK(stage.wire.body(1) == "and back");
      },
      {{Setting::enable_connect_protocol, 1}});
}

TEST_CASE("an upgrade that the server does not know, or refuses", "[http2][client]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const auto asking = stage.ask();
    asking->exchange.request.upgrade = "websocket";
    start(asking->run());
    co_await stage.wire.until(1, "END");
    CHECK(stage.wire.of(1)[0].starts_with("HEAD :method=GET "));
    stage.wire.say_head(1, kOk, kEndStream);
    co_await asking->until_done(stage.wire);
    CHECK(asking->exchange.response.status == 200);

    stage.wire.say_settings({{Setting::enable_connect_protocol, 1}});
    co_await stage.wire.settle();
    const auto refused = stage.ask();
    refused->exchange.request.upgrade = "websocket";
    start(refused->run());
    co_await stage.wire.until(3, "HEAD :method=CONNECT");
    stage.wire.say_head(3, {{":status", "403"}}, 0);
    stage.wire.say_data(3, "no", kEndStream);
    co_await refused->until_done(stage.wire);
    CHECK(refused->exchange.response.status == 403);
    CHECK(refused->text == "no");
    co_await stage.wire.until(3, "END");
  });
}

TEST_CASE("a connection that is drained opens no more streams, and ends with the last", "[http2][client]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.wire.say_settings();
    while (!stage.connection->is_ready())
      co_await stage.wire.turn();
    auto asking = stage.ask();
    start(asking->run());
    co_await stage.wire.until(1, "END");
    stage.connection->drain();
    CHECK_FALSE(stage.connection->available());
    stage.wire.say_head(1, kOk, 0);
    stage.wire.say_data(1, "last", kEndStream);
    co_await asking->until_done(stage.wire);
    CHECK(asking->text == "last");
    asking.reset();
    char byte = 0;
    while (::recv(stage.pair.second(), &byte, 1, MSG_PEEK) != 0) {
      drain(stage.pair.second());
      co_await stage.loop.yield();
    }
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
}

TEST_CASE("the end of a connection is the end of all its exchanges", "[http2][client]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.wire.say_settings();
    while (!stage.connection->is_ready())
      co_await stage.wire.turn();
    auto first = stage.ask();
    auto second = stage.ask();
    auto waiting = stage.ask();
    start(first->run());
    start(second->run());
    co_await stage.wire.until(3, "END");
    stage.connection->cancel(ErrorKind::cancelled);
    co_await first->until_done(stage.wire);
    co_await second->until_done(stage.wire);
    CHECK(first->error.kind == ErrorKind::cancelled);
    CHECK(second->error.kind == ErrorKind::cancelled);
    start(waiting->run());
    co_await waiting->until_done(stage.wire);
    CHECK(waiting->error);
    first.reset();
    second.reset();
    CHECK(stage.connection != nullptr);  // not while somebody holds a stream
    waiting.reset();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
}
