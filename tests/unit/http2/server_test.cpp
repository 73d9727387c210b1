// A client's connection, with the test as client and a service that answers whatever it is told to.
#include "sluice/http2/server.hpp"

#include "sluice/http/reply.hpp"
#include "sluice/http2/window_budget.hpp"

#include "http2/websocket.hpp"
#include "unit/http/doubling.hpp"
#include "unit/http/fake_service.hpp"
#include "unit/http2/wire.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http2;
using namespace sluice::test;
using namespace std::literals;

namespace {

using Lines = std::vector<std::string>;

class Stage final : public FakeService<ServerConnection> {
 public:
  explicit Stage(const ServerSettings& settings = patient()) : FakeService(settings) {
    connection->run();
    wire.say(kPreface);
    wire.say_settings();
  }

  // Plays `script` and then leaves.
  template <class F>
  void play(F script) {
    const auto whole = [&]() -> Task<void> {
      co_await script();
      ::shutdown(pair.second(), SHUT_WR);
      co_await until_ended();
    };
    test::run(loop, whole);
  }
  Task<void> until_ended() {
    while (connection != nullptr)
      co_await wire.turn();
    co_await wire.turn();
  }

  void get(std::uint32_t stream, const std::string& path = "/", const Texts& more = {}) {
    ask(stream, "GET", path, kEndStream, more);
  }
  void ask(std::uint32_t stream, const std::string& method, const std::string& path, std::uint8_t flags,
           const Texts& more = {}) {
    Texts fields{{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "a"}};
    fields.insert(fields.end(), more.begin(), more.end());
    wire.say_head(stream, fields, flags);
  }

  Wire wire{loop, pair.second()};
};

// Holds a request until the test lets it go, or the client is gone.
struct Held {
  bool released = false;
  int gone = 0;
  std::function<Task<void>(Exchange&)> serving(Stage& stage) {
    return [this, &stage](Exchange& exchange) -> Task<void> {
      bool left = false;
      exchange.downstream->on_departure(
          [](void* flag, Departure /*how*/) { *static_cast<bool*>(flag) = true; }, &left);
      while (!released && !left)
        co_await stage.loop.yield();
      exchange.downstream->on_departure(nullptr, nullptr);
      gone += left ? 1 : 0;
      if (left) co_return;
      answer_with(exchange, "late");
      co_await exchange.downstream->respond();
    };
  }
};

// What the client is told when it says `bytes` instead of anything sensible.
struct Outcome {
  std::string goaway;
  Lines of_stream;
  std::vector<Abuse> abuses;
  std::vector<Rule> rules;
};
Outcome outcome_of(const std::string& bytes, const ServerSettings& settings = patient()) {
  Stage stage(settings);
  stage.play([&]() -> Task<void> {
    stage.wire.say(bytes);
    co_await stage.wire.turns(10);
  });
  Outcome out;
  for (const std::string& line : stage.wire.of_connection) {
    if (line.starts_with("GOAWAY")) out.goaway = line.substr(line.rfind(' ') + 1);
  }
  out.of_stream = stage.wire.of(1);
  out.abuses = stage.abuses;
  out.rules = stage.rules;
  return out;
}

std::string head_bytes(std::uint32_t stream, std::uint8_t flags, const std::string& path = "/") {
  HpackEncoder encoder;
  std::string block;
  encoder.begin(block);
  const Texts fields{{":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "a"}};
  for (const auto& [name, value] : fields)
    encoder.field(block, name, value, field_id(name));
  return frame(FrameType::headers, static_cast<std::uint8_t>(flags | kEndHeaders), stream, block);
}

}  // namespace

TEST_CASE("a request and its response on one stream, and the next on another", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.get(1, "/1");
    co_await stage.wire.until(1, "END");
    stage.ask(3, "POST", "/2", 0, {{"content-length", "5"}});
    stage.wire.say_data(3, "hel");
    co_await stage.wire.turns(3);
    stage.wire.say_data(3, "lo", kEndStream);
    co_await stage.wire.until(3, "END");
  });
  CHECK(stage.wire.of(1) == Lines{"HEAD :status=200 content-length=3", "DATA ok1", "END"});
  CHECK(stage.wire.of(3) == Lines{"HEAD :status=200 content-length=3", "DATA ok2", "END"});
  CHECK(stage.served == Lines{"GET /1 ", "POST /2 hello"});
  CHECK_FALSE(stage.wire.gone());
}

TEST_CASE("a connection that arrives byte by byte", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    const std::string bytes = head_bytes(1, 0) + frame(FrameType::data, kEndStream, 1, "hello");
    for (const char c : bytes) {
      stage.wire.say({&c, 1});
      co_await stage.wire.turn();
    }
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.served == Lines{"POST / hello"});
}

TEST_CASE("streams do not wait for each other", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/slow", 0);
    stage.get(3, "/fast");
    co_await stage.wire.until(3, "END");
    CHECK(stage.wire.of(1).empty());
    stage.wire.say_data(1, "now", kEndStream);
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.served == Lines{"GET /fast ", "POST /slow now"});
}

TEST_CASE("a request may end with trailers", "[http2][server]") {
  Stage stage;
  std::string trailer;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    const std::string body = co_await read_body(exchange);
    CHECK(body == "abc");
    if (const Field* field = exchange.request_body->trailers().find("x-sum")) trailer = field->value;
    answer_with(exchange, "x");
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    stage.wire.say_data(1, "abc");
    stage.wire.say_head(1, {{"x-sum", "6"}}, kEndStream);
    co_await stage.wire.until(1, "END");
  });
  CHECK(trailer == "6");
}

TEST_CASE("a response waits for the client's windows, and never exceeds them", "[http2][server]") {
  Stage stage;
  const std::string large = pattern(200'000);
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, large);
    const Error error = co_await exchange.downstream->respond();
    CHECK_FALSE(error);
  };
  stage.play([&]() -> Task<void> {
    stage.wire.say_settings({{Setting::initial_window_size, 1'000}});
    stage.get(1);
    co_await stage.wire.settle();
    CHECK(stage.wire.body(1).size() == 1'000);
    stage.wire.say_window(1, 500);
    co_await stage.wire.settle();
    CHECK(stage.wire.body(1).size() == 1'500);
    // All streams move with the setting.
    stage.wire.say_settings({{Setting::initial_window_size, 2'000}});
    co_await stage.wire.settle();
    CHECK(stage.wire.body(1).size() == 2'500);
    stage.wire.say_settings({{Setting::initial_window_size, 0}});
    stage.wire.say_window(1, 2'000);
    co_await stage.wire.settle();
    CHECK(stage.wire.body(1).size() == 2'500);  // the window had become negative
    // Now the connection's own is what holds it.
    stage.wire.say_window(1, 1'000'000);
    co_await stage.wire.settle();
    CHECK(stage.wire.body(1).size() == 65'535);
    stage.wire.say_window(0, 1'000'000);
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.wire.body(1) == large);
  CHECK(stage.wire.largest_frame <= 16'384);
}

TEST_CASE("what is more urgent goes first, and equals take turns", "[http2][server]") {
  const auto order = [](const char* first, const char* second) {
    Stage stage;
    stage.serving = [&](Exchange& exchange) -> Task<void> {
      answer_with(exchange, pattern(60'000));
      co_await exchange.downstream->respond();
    };
    stage.play([&]() -> Task<void> {
      // Nothing can be sent until both wait.
      stage.wire.say_settings({{Setting::initial_window_size, 0}});
      const auto priority = [](const char* value) {
        return value == nullptr ? Texts{} : Texts{{"priority", value}};
      };
      stage.get(1, "/", priority(first));
      stage.get(3, "/", priority(second));
      co_await stage.wire.settle();
      stage.wire.say_window(0, 1'000'000);
      stage.wire.say_settings({{Setting::initial_window_size, 1'000'000}});
      co_await stage.wire.until(1, "END");
      co_await stage.wire.until(3, "END");
    });
    return stage.wire.data_order;
  };
  using Order = std::vector<std::uint32_t>;
  CHECK(order("u=5", "u=1") == Order{3, 3, 3, 3, 1, 1, 1, 1});
  CHECK(order("u=1", "u=5") == Order{1, 1, 1, 1, 3, 3, 3, 3});
  CHECK(order("u=3", "u=3") == Order{1, 1, 1, 1, 3, 3, 3, 3});
  CHECK(order("i", "i") == Order{1, 3, 1, 3, 1, 3, 1, 3});
  CHECK(order(nullptr, nullptr) == Order{1, 3, 1, 3, 1, 3, 1, 3});
}

TEST_CASE("a client that gives a stream up is noticed, and the others go on", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.get(3);
    co_await stage.wire.settle();
    CHECK(stage.under_way == 2);
    stage.wire.say_reset(1, Code::cancel);
    co_await stage.wire.settle();
    CHECK(stage.under_way == 1);
    CHECK(held.gone == 1);
    held.released = true;
    co_await stage.wire.until(3, "END");
  });
  CHECK(stage.wire.of(1).empty());
  CHECK(stage.wire.body(3) == "late");
}

TEST_CASE("all that is under way is told when the client goes", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.get(3);
    co_await stage.wire.settle();
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  });
  CHECK(held.gone == 2);
}

TEST_CASE("more streams than allowed are refused, and those there go on", "[http2][server]") {
  ServerSettings settings = patient();
  settings.http2.streams = 2;
  Stage stage(settings);
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.get(3);
    stage.get(5);
    co_await stage.wire.settle();
    CHECK(stage.wire.of(5) == Lines{"RST refused_stream"});
    CHECK(stage.under_way == 2);
    held.released = true;
    co_await stage.wire.until(3, "END");
    stage.get(7);
    co_await stage.wire.until(7, "END");
  });
  CHECK(stage.wire.body(1) == "late");
  CHECK(stage.wire.body(7) == "late");
}

TEST_CASE("a malformed request breaks its stream and no other", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.get(1, "/", {{"connection", "close"}});
    stage.get(3);
    co_await stage.wire.until(3, "END");
  });
  CHECK(stage.wire.of(1) == Lines{"RST protocol_error"});
  CHECK(stage.refused == std::vector<ErrorKind>{ErrorKind::malformed});  // and so it is in the log
  CHECK(stage.served == Lines{"GET / "});
}

TEST_CASE("what is well-formed and not for us is answered", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.ask(1, "TRACE", "/", kEndStream);
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.wire.of(1).front().starts_with("HEAD :status=405") !=
        stage.wire.of(1).front().starts_with("HEAD :status=501"));
  CHECK(stage.refused == std::vector<ErrorKind>{ErrorKind::method_refused});
  CHECK(stage.served.empty());
}

TEST_CASE("errors of a stream", "[http2][server]") {
  const struct {
    std::string bytes;
    const char* code;
  } cases[] = {
      {head_bytes(1, 0) + frame(FrameType::data, kEndStream, 1, "x") + frame(FrameType::data, 0, 1, "y"),
       "stream_closed"},
      {head_bytes(1, 0) + frame(FrameType::window_update, 0, 1, number(0)), "protocol_error"},
      {head_bytes(1, 0) + frame(FrameType::window_update, 0, 1, number(0x7fffffff)), "flow_control_error"},
      {head_bytes(1, 0) + frame(FrameType::priority, 0, 1, "1234"), "frame_size_error"},
      {head_bytes(1, 0) + frame(FrameType::priority, 0, 1, number(1) + "x"), "protocol_error"},
      {head_bytes(1, 0) + frame(FrameType::headers, kEndHeaders, 1, ""),
       "protocol_error"},  // trailers that are no end
  };
  for (const auto& c : cases) {
    CAPTURE(c.bytes);
    Stage stage;
    Held held;
    stage.serving = held.serving(stage);
    stage.play([&]() -> Task<void> {
      stage.wire.say(c.bytes);
      co_await stage.wire.settle();
      CHECK(stage.wire.of(1) == Lines{"RST "s + c.code});
      CHECK(held.gone == 1);
      CHECK_FALSE(stage.wire.gone());
    });
  }
}

TEST_CASE("errors of the connection", "[http2][server]") {
  const std::string open = head_bytes(1, 0);
  const struct {
    std::string bytes;
    const char* code;
    Rule rule;
  } cases[] = {
      {frame(FrameType::data, 0, 0, "x"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::data, 0, 1, "x"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::data, 0, 2, "x"), "protocol_error", Rule::h2_stream_id},
      {open + frame(FrameType::data, kPadded, 1, "\x05x"), "protocol_error", Rule::h2_padding},
      {open + frame(FrameType::data, kPadded, 1, ""), "protocol_error", Rule::h2_padding},
      {head_bytes(0, 0), "protocol_error", Rule::h2_stream_id},
      {head_bytes(2, 0), "protocol_error", Rule::h2_stream_id},
      {head_bytes(3, 0) + head_bytes(1, 0), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::headers, kEndHeaders | kPriority, 1, "1234"), "frame_size_error",
       Rule::h2_frame_size},
      {frame(FrameType::headers, kEndHeaders, 1, "\x80"), "compression_error", Rule::h2_hpack},
      {frame(FrameType::headers, 0, 1, "") + frame(FrameType::data, 0, 1, "x"), "protocol_error",
       Rule::h2_frame_order},
      {frame(FrameType::headers, 0, 1, "") + frame(FrameType::continuation, kEndHeaders, 3, ""),
       "protocol_error", Rule::h2_frame_order},
      {frame(FrameType::continuation, kEndHeaders, 1, ""), "protocol_error", Rule::h2_frame_order},
      {frame(FrameType::priority, 0, 0, "12345"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::rst_stream, 0, 0, number(8)), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::rst_stream, 0, 1, number(8)), "protocol_error", Rule::h2_stream_id},
      {open + frame(FrameType::rst_stream, 0, 1, "123"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::settings, 0, 1, ""), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::settings, 0, 0, "12345"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::settings, kAck, 0, "123456"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::settings, 0, 0, setting(Setting::enable_push, 2)), "protocol_error",
       Rule::h2_settings},
      {frame(FrameType::settings, 0, 0, setting(Setting::initial_window_size, 0x8000'0000)),
       "flow_control_error", Rule::h2_settings},
      {frame(FrameType::settings, 0, 0, setting(Setting::max_frame_size, 16'383)), "protocol_error",
       Rule::h2_settings},
      {frame(FrameType::settings, 0, 0, setting(Setting::max_frame_size, 0x100'0000)), "protocol_error",
       Rule::h2_settings},
      {frame(FrameType::push_promise, kEndHeaders, 1, number(2)), "protocol_error", Rule::h2_push},
      {frame(FrameType::ping, 0, 1, "12345678"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::ping, 0, 0, "1234567"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::goaway, 0, 1, number(0) + number(0)), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::goaway, 0, 0, "1234567"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::window_update, 0, 0, "123"), "frame_size_error", Rule::h2_frame_size},
      {frame(FrameType::window_update, 0, 0, number(0)), "protocol_error", Rule::h2_window},
      {frame(FrameType::window_update, 0, 0, number(0x7fffffff)), "flow_control_error", Rule::h2_window},
      {frame(FrameType::window_update, 0, 5, number(1)), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::priority_update, 0, 1, number(1) + "u=1"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::priority_update, 0, 0, number(0) + "u=1"), "protocol_error", Rule::h2_stream_id},
      {frame(FrameType::priority_update, 0, 0, "123"), "frame_size_error", Rule::h2_frame_size},
      {std::string("\x00\x40\x01\x00\x00\x00\x00\x00\x01", 9), "frame_size_error", Rule::h2_frame_size},
  };
  for (const auto& c : cases) {
    CAPTURE(c.bytes, c.code);
    const Outcome outcome = outcome_of(c.bytes);
    CHECK(outcome.goaway == c.code);
    CHECK(outcome.abuses.empty());
    CHECK(outcome.rules == std::vector<Rule>{c.rule});
  }
}

TEST_CASE("what is not HTTP/2 at all", "[http2][server]") {
  for (const char* bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "\x16\x03\x01"}) {
    CAPTURE(bytes);
    Stage stage;
    // Without the preface that the stage says.
    SocketPair pair;
    net::Loop& loop = stage.loop;
    Wire wire(loop, pair.second());
    stage.play([&]() -> Task<void> {
      co_await stage.wire.settle();
      ::shutdown(stage.pair.second(), SHUT_WR);
      co_await stage.until_ended();
      stage.connection = new ServerConnection(
          std::make_unique<net::Transport>(loop, pair.take_first(), false), stage, "192.0.2.1", 3);
      stage.connection->run();
      wire.say(bytes);
      while (!wire.gone())
        co_await wire.turn();
      ::shutdown(pair.second(), SHUT_WR);
    });
    CHECK(wire.of_connection.back() == "GOAWAY 0 protocol_error");
  }
}

TEST_CASE("frames that nobody knows are passed over", "[http2][server]") {
  const Outcome outcome = outcome_of(
      frame(static_cast<FrameType>(0x77), 0xff, 1, "whatever") +
      frame(FrameType::settings, 0, 0, setting(static_cast<Setting>(0x77), 1)) + head_bytes(1, kEndStream));
  CHECK(outcome.goaway.empty());
  CHECK(outcome.of_stream.back() == "END");
}

TEST_CASE("whoever costs more than it asks for is sent away, and counted", "[http2][server]") {
  const auto many = [](int count, const std::function<std::string(int)>& bytes) {
    std::string out;
    for (int i = 0; i < count; ++i)
      out += bytes(i);
    return out;
  };
  ServerSettings settings = patient();
  settings.http2 = {10, 20, 50, 4};
  settings.limits = {4'096, 50};
  const auto next = [](int i) { return static_cast<std::uint32_t>(2 * i + 1); };
  const auto ping = [](int /*i*/) { return frame(FrameType::ping, 0, 0, "12345678"); };
  const auto no_settings = [](int /*i*/) { return frame(FrameType::settings, 0, 0, ""); };
  const auto no_data = [](int /*i*/) { return frame(FrameType::data, 0, 1, ""); };
  const auto given_up = [&](int i) {
    return head_bytes(next(i), 0) + frame(FrameType::rst_stream, 0, next(i), number(8));
  };
  const auto piece = [](int /*i*/) { return frame(FrameType::continuation, 0, 1, "\x20"); };
  // One large field in the table, and then a byte for each time it comes again.
  const std::string bomb = "\x40\x01x\x7f\xb9\x16"s + std::string(3'000, 'x') + std::string(60, '\xbe');
  const struct {
    std::string bytes;
    Abuse reason;
  } cases[] = {
      {many(60, ping), Abuse::control_flood},
      {many(60, no_settings), Abuse::control_flood},
      {head_bytes(1, 0) + many(60, no_data), Abuse::control_flood},
      {many(30, given_up), Abuse::rapid_reset},
      {frame(FrameType::headers, 0, 1, "") + many(6, piece), Abuse::continuation_flood},
      {frame(FrameType::headers, kEndHeaders, 1, bomb), Abuse::header_bomb},
  };
  for (const auto& c : cases) {
    CAPTURE(to_string(c.reason));
    const Outcome outcome = outcome_of(c.bytes, settings);
    CHECK(outcome.goaway == "enhance_your_calm");
    CHECK(outcome.abuses == std::vector<Abuse>{c.reason});
  }
  CHECK(outcome_of(many(40, ping), settings).abuses.empty());
  CHECK(outcome_of(many(15, given_up), settings).abuses.empty());
  CHECK(outcome_of(frame(FrameType::headers, 0, 1, "") + many(3, piece), settings).abuses.empty());
}

TEST_CASE("a client that sends more than it may", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    const std::string full(16'384, 'x');
    for (int i = 0; i < 3; ++i)
      stage.wire.say_data(1, full);
    stage.wire.say_data(1, full.substr(1));
    co_await stage.wire.settle();
    CHECK(stage.wire.of(1).empty());
    stage.wire.say_data(1, "x");
    co_await stage.wire.settle();
    CHECK(stage.wire.of_connection.back() == "GOAWAY 1 flow_control_error");
    CHECK(held.gone == 1);
  });
}

TEST_CASE("what is read opens the windows again", "[http2][server]") {
  Stage stage;
  const std::string full = pattern(16'384);
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    std::size_t sent = 0;
    std::size_t granted = 65'535;
    while (sent < 3'000'000 && !stage.wire.gone()) {
      for (const std::string& line : stage.wire.of(1)) {
        if (line.starts_with("WINDOW ")) granted += std::stoul(line.substr(7));
      }
      stage.wire.of(1).clear();
      for (; granted - sent >= full.size() && sent < 3'000'000; sent += full.size())
        stage.wire.say_data(1, full);
      co_await stage.wire.turns(2);
    }
    stage.wire.say_data(1, "", kEndStream);
    co_await stage.wire.until(1, "END");
  });
  REQUIRE(stage.served.size() == 1);
  CHECK(stage.served[0].size() == 184 * full.size() + 7);
}

TEST_CASE("a large body is granted its length at once, and round trips are measured for it",
          "[http2][server]") {
  constexpr std::int64_t kLength = 3'000'000;
  Stage stage;
  stage.play([&]() -> Task<void> {
    co_await stage.wire.settle();  // our SETTINGS are not acknowledged: nobody knows how far we are
    CHECK(stage.wire.has("WINDOW 2147418112"));
    stage.ask(1, "POST", "/", 0, {{"content-length", std::to_string(kLength)}});
    stage.wire.say_data(1, pattern(16'000));
    co_await stage.wire.settle();
    CHECK(stage.wire.of(1).empty());
    CHECK_FALSE(stage.wire.has("PING how far?"));
    stage.wire.say_data(1, pattern(16'384));
    stage.wire.say_data(1, pattern(16'384));
    co_await stage.wire.until(1, "WINDOW");
    REQUIRE(stage.wire.of(1).size() == 1);
    CHECK(std::stol(stage.wire.of(1).front().substr(7)) > kLength - 2 * 65'536);
    CHECK(window_budget().left() < kWindowBudget);
    CHECK(stage.wire.has("PING how far?"));
    stage.wire.say(FrameType::ping, kAck, 0, "how far?");
    for (std::int64_t left = kLength - 48'768; left > 0; left -= 16'384)
      stage.wire.say_data(1, pattern(static_cast<std::size_t>(std::min<std::int64_t>(left, 16'384))),
                          left <= 16'384 ? kEndStream : 0);
    co_await stage.wire.until(1, "END");
  });
  REQUIRE(stage.served.size() == 1);
  CHECK(stage.served[0].size() == static_cast<std::size_t>(kLength) + 7);
  CHECK(window_budget().left() == kWindowBudget);
}

TEST_CASE("an answer to a PING that nobody sent says nothing", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    stage.wire.say(FrameType::ping, kAck, 0, "how far?");
    stage.get(1);
    co_await stage.wire.until(1, "END");
  });
  CHECK_FALSE(stage.wire.gone());
}

TEST_CASE("what a reader leaves unread is bounded by the budget, and given back with its stream",
          "[http2][server]") {
  window_budget().set_total(1'000'000);
  Stage stage;
  bool released = false;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    BodySource* const body = exchange.request_body;
    std::string_view piece;
    for (std::size_t taken = 0; body != nullptr && taken < 40'000; taken += piece.size()) {
      while (body->poll(piece) == BodyStep::wait)
        co_await body->fill();
    }
    if (body != nullptr) body->release();
    while (!released)
      co_await stage.loop.yield();
    answer_with(exchange, "enough");
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    std::size_t sent = 0;
    for (std::uint32_t id = 1; id <= 19; id += 2) {
      stage.ask(id, "POST", "/", 0);
      for (int part = 0; part < 3; ++part, sent += 16'384)
        stage.wire.say_data(id, pattern(16'384));
      co_await stage.wire.settle();
    }
    std::size_t granted = 0;
    for (std::uint32_t id = 1; id <= 19; id += 2) {
      for (const std::string& line : stage.wire.of(id)) {
        if (line.starts_with("WINDOW ")) granted += std::stoul(line.substr(7));
      }
    }
    CHECK(granted > 10 * 40'000 + 500'000);
    CHECK(granted <= 10 * 3 * 16'384 + 1'000'000);
    CHECK(window_budget().left() >= 0);
    CHECK(window_budget().left() < 200'000);
    released = true;
    co_await stage.wire.until(19, "RST");
    stage.get(21);
    co_await stage.wire.until(21, "END");
  });
  CHECK(window_budget().left() == 1'000'000);
  window_budget().set_total(kWindowBudget);
}

TEST_CASE("a body that is not as long as was said", "[http2][server]") {
  for (const char* body : {"abc", "abcdefgh"}) {
    Stage stage;
    stage.play([&]() -> Task<void> {
      stage.ask(1, "POST", "/", 0, {{"content-length", "5"}});
      stage.wire.say_data(1, body, kEndStream);
      co_await stage.wire.settle();
      CHECK(stage.wire.of(1) == Lines{"RST protocol_error"});
    });
    REQUIRE(stage.served.size() == 1);
    CHECK(stage.served[0].ends_with("!"));
  }
}

TEST_CASE("a body beyond the bound fails", "[http2][server]") {
  ServerSettings settings = patient();
  settings.max_body = 10;
  Stage stage(settings);
  ErrorKind kind{};
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    co_await read_body(exchange);
    kind = exchange.request_body->error().kind;
    make_reply(exchange, reason_for(exchange.request_body->error()));
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    stage.wire.say_data(1, "0123456789x");
    co_await stage.wire.until(1, "RST");
  });
  CHECK(kind == ErrorKind::body_too_large);
  CHECK(stage.wire.of(1).front().starts_with("HEAD :status=413"));
  CHECK(stage.wire.of(1).back() == "RST no_error");
}

TEST_CASE("an answer before the end of the request: the rest is not wanted", "[http2][server]") {
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, "no");
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    co_await stage.wire.until(1, "RST");
    // What was on its way is read away.
    stage.wire.say_data(1, std::string(16'000, 'x'), kEndStream);
    stage.get(3);
    co_await stage.wire.until(3, "END");
  });
  CHECK(stage.wire.of(1) == Lines{"HEAD :status=200 content-length=2", "DATA no", "END", "RST no_error"});
  CHECK_FALSE(stage.wire.gone());
}

TEST_CASE("what nobody reads is given back to the connection's window", "[http2][server]") {
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, "no");
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    const std::string full(16'000, 'x');
    // Far more than the connection's window, in bodies that are not read.
    for (std::uint32_t id = 1; id < 2'000 && !stage.wire.gone(); id += 2) {
      stage.ask(id, "POST", "/", 0);
      stage.wire.say_data(id, full, kEndStream);
      co_await stage.wire.until(id, "END");
    }
  });
  CHECK_FALSE(stage.wire.gone());
  CHECK(stage.wire.body(1'999) == "no");
}

TEST_CASE("HEAD, 204 and 304 have no body over HTTP/2", "[http2][server]") {
  for (const std::uint16_t status : {200, 204, 304}) {
    Stage stage;
    stage.serving = [status](Exchange& exchange) -> Task<void> {
      answer_with(exchange, "hello");
      exchange.response.status = status;
      if (status == 204) exchange.response.framing = Framing::none;
      co_await exchange.downstream->respond();
    };
    stage.play([&]() -> Task<void> {
      stage.ask(1, status == 200 ? "HEAD" : "GET", "/", kEndStream);
      co_await stage.wire.until(1, "END");
    });
    CHECK(
        stage.wire.of(1) ==
        Lines{"HEAD :status=" + std::to_string(status) + (status == 204 ? "" : " content-length=5"), "END"});
  }
}

TEST_CASE("interim responses, and fields that HTTP/2 does not know", "[http2][server]") {
  Stage stage;
  stage.serving = [](Exchange& exchange) -> Task<void> {
    ResponseHead hints;
    hints.status = 103;
    hints.fields.add(exchange.arena, "Link", "</x>", FieldId::other);
    co_await exchange.downstream->interim(hints);
    answer_with(exchange, "x");
    exchange.response.fields.add(exchange.arena, "X-Upper", "Case", FieldId::other);
    exchange.response.fields.add(exchange.arena, "Connection", "close", FieldId::connection);
    exchange.response.fields.add(exchange.arena, "Transfer-Encoding", "chunked", FieldId::transfer_encoding);
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.wire.of(1) == Lines{"HEAD :status=103 link=</x>",
                                  "HEAD :status=200 x-upper=Case content-length=1", "DATA x", "END"});
}

TEST_CASE("a response that breaks off breaks its stream", "[http2][server]") {
  struct Broken final : BodySource {
    bool first = true;
    Fields none;
    BodyStep poll(std::string_view& piece) override {
      if (!std::exchange(first, false)) return BodyStep::failed;
      piece = "half";
      return BodyStep::data;
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
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.until(1, "RST");
    co_await stage.wire.settle();
  });
  CHECK(stage.wire.of(1) == Lines{"HEAD :status=200", "DATA half", "RST internal_error"});
  CHECK_FALSE(stage.wire.gone());
}

TEST_CASE("a handler that does not answer resets the stream", "[http2][server]") {
  Stage stage;
  stage.serving = [](Exchange& /*exchange*/) -> Task<void> { co_return; };
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.settle();
  });
  CHECK(stage.wire.of(1) == Lines{"RST cancel"});
}

TEST_CASE("trailers of a response, but for the field that is ours", "[http2][server]") {
  struct Body final : BodySource {
    TextBody text{"abc"};
    Fields fields;
    BodyStep poll(std::string_view& piece) override { return text.poll(piece); }
    Task<void> fill() override { co_return; }
    void stop() override {}
    Error error() const override { return {}; }
    const Fields& trailers() const override { return fields; }
  } body;
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    exchange.own_field = "x-tenant";
    body.fields.add(exchange.arena, "Grpc-Status", "0", FieldId::other);
    body.fields.add(exchange.arena, "X_Tenant", "forged", FieldId::look_alike);
    exchange.response.status = 200;
    exchange.response.framing = Framing::chunked;
    exchange.response_body = &body;
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.wire.of(1) == Lines{"HEAD :status=200", "DATA abc", "HEAD grpc-status=0", "END"});
}

TEST_CASE("a WebSocket over HTTP/2 is an upgrade to those who serve it", "[http2][server]") {
  Stage stage;
  stage.serving = [](Exchange& exchange) -> Task<void> {
    CHECK(exchange.request.upgrade == "websocket");
    CHECK(exchange.request.method == Method::get);
    const Field* key = exchange.request.fields.find(kWebSocketKey);
    CHECK(key != nullptr);
    BodySource& tunnel = exchange.downstream->open_tunnel();
    std::string_view piece;
    exchange.response.status = 101;
    exchange.response.framing = Framing::until_close;
    exchange.response.fields.add(exchange.arena, kWebSocketAccept,
                                 websocket_accept(key->value, exchange.arena), FieldId::other);
    while (tunnel.poll(piece) == BodyStep::wait)
      co_await tunnel.fill();
    exchange.text_body = TextBody(exchange.arena.copy(piece));
    exchange.response_body = &exchange.text_body;
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.ask(1, "CONNECT", "/chat", 0, {{"sec-websocket-version", "13"}});
    co_await stage.wire.turns(3);
    stage.wire.say_reset(1, Code::cancel);  // without :protocol it is none
    stage.wire.say_head(3,
                        {{":method", "CONNECT"},
                         {":protocol", "websocket"},
                         {":scheme", "http"},
                         {":path", "/chat"},
                         {":authority", "a"}},
                        0);
    stage.wire.say_data(3, "hello");
    co_await stage.wire.until(3, "RST");
  });
  CHECK(stage.wire.of(1) == Lines{"RST protocol_error"});
  // A tunnel that ends on our side ends as a whole.
  CHECK(stage.wire.of(3) == Lines{"HEAD :status=200", "DATA hello", "END", "RST no_error"});
}

TEST_CASE("an upgrade that was not really accepted is none", "[http2][server]") {
  for (const bool wrong_key : {true, false}) {
    Stage stage;
    stage.serving = [&](Exchange& exchange) -> Task<void> {
      exchange.response.status = wrong_key ? 101 : 200;
      exchange.response.framing = Framing::until_close;
      exchange.response.fields.add(exchange.arena, kWebSocketAccept, "guessed", FieldId::other);
      exchange.response_body = &exchange.downstream->open_tunnel();
      const Error error = co_await exchange.downstream->respond();
      CHECK(error == sluice::broken(Rule::upgrade_not_accepted, Side::upstream));
    };
    stage.play([&]() -> Task<void> {
      stage.wire.say_head(1,
                          {{":method", "CONNECT"},
                           {":protocol", "websocket"},
                           {":scheme", "http"},
                           {":path", "/"},
                           {":authority", "a"}},
                          0);
      co_await stage.wire.until(1, "RST");
    });
    CHECK(stage.wire.of(1) == Lines{"RST internal_error"});
  }
}

TEST_CASE(
    "draining over HTTP/2: asks first, counts what crossed the first GOAWAY, and ends after the last stream",
    "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.settle();
    stage.connection->drain();
    stage.connection->drain();
    co_await stage.wire.until(0, "PING draining");
    CHECK(stage.wire.has("GOAWAY 2147483647 no_error"));
    stage.get(3);  // was on its way
    stage.wire.say(FrameType::ping, kAck, 0, "draining");
    co_await stage.wire.until(0, "GOAWAY 3 no_error");
    stage.get(5);  // it was told
    co_await stage.wire.settle();
    CHECK(stage.under_way == 2);
    held.released = true;
    co_await stage.until_ended();
  });
  CHECK(stage.wire.body(1) == "late");
  CHECK(stage.wire.body(3) == "late");
  CHECK(stage.wire.of(5).empty());
}

TEST_CASE("what comes for a stream that no longer counts does not harm the others", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.connection->drain();
    co_await stage.wire.until(0, "PING draining");
    stage.wire.say(FrameType::ping, kAck, 0, "draining");
    co_await stage.wire.until(0, "GOAWAY 1 no_error");
    stage.ask(3, "POST", "/", 0);
    stage.wire.say_data(3, "body");
    stage.wire.say_window(3, 1'000);
    stage.wire.say_data(3, "more", kEndStream);
    stage.ask(5, "POST", "/", 0);
    stage.wire.say_reset(5, Code::cancel);
    co_await stage.wire.settle();
    CHECK_FALSE(stage.wire.gone());
    held.released = true;
    co_await stage.until_ended();
  });
  CHECK(stage.wire.body(1) == "late");
}

TEST_CASE("draining does not wait for ever for a client that does not answer", "[http2][server]") {
  Stage stage;
  stage.play([&]() -> Task<void> {
    co_await stage.wire.settle();
    const Nanos began = stage.loop.now();
    stage.connection->drain();
    while (!stage.wire.has("GOAWAY 0 no_error"))
      co_await stage.wire.turn();
    CHECK(stage.loop.now() - began < 3 * kSecond);
  });
}

TEST_CASE("a client that says GOAWAY is served to the end of what it asked", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.wire.say_goaway(0, Code::no_error);
    co_await stage.wire.turns(5);
    CHECK(stage.connection != nullptr);
    held.released = true;
    co_await stage.wire.until(1, "END");
  });
  CHECK(stage.wire.body(1) == "late");
}

TEST_CASE("a connection without a stream ends after a while, one with a stream does not", "[http2][server]") {
  ServerSettings settings = patient();
  settings.idle = 50 * kMilli;
  Stage stage(settings);
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    const Nanos began = stage.loop.now();
    while (stage.loop.now() < began + 200 * kMilli)
      co_await stage.wire.turn();
    CHECK_FALSE(stage.wire.heard(0, "GOAWAY"));
    held.released = true;
    co_await stage.wire.until(0, "GOAWAY 1 no_error");
  });
  CHECK(stage.wire.body(1) == "late");
}

TEST_CASE("a client that does not get on with a head is sent away", "[http2][server]") {
  ServerSettings settings = patient();
  settings.header = 50 * kMilli;
  Stage stage(settings);
  stage.play([&]() -> Task<void> {
    stage.wire.say(FrameType::headers, 0, 1, "");
    const Nanos began = stage.loop.now();
    co_await stage.wire.until(0, "GOAWAY");
    CHECK(stage.loop.now() - began < 2 * kSecond);
  });
}

TEST_CASE("a request body that does not come in time fails", "[http2][server]") {
  ServerSettings settings = patient();
  settings.body = 50 * kMilli;
  Stage stage(settings);
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    co_await read_body(exchange);
    CHECK(exchange.request_body->error() == Error{ErrorKind::timed_out, Side::downstream});
    make_reply(exchange, reason_for(exchange.request_body->error()));
    co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.ask(1, "POST", "/", 0);
    stage.wire.say_data(1, "a little");
    co_await stage.wire.until(1, "RST");
  });
  CHECK(stage.wire.of(1).front().starts_with("HEAD :status=408"));
}

TEST_CASE("a client that asks and opens no window is sent away, one that reads slowly is not",
          "[http2][server]") {
  ServerSettings settings = patient();
  settings.body = 50 * kMilli;
  Stage stage(settings);
  Error error;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, "hello");
    error = co_await exchange.downstream->respond();
  };
  stage.play([&]() -> Task<void> {
    stage.wire.say_settings({{Setting::initial_window_size, 0}});
    stage.get(1);
    co_await stage.wire.until(0, "GOAWAY");
  });
  CHECK(error);
  CHECK(stage.abuses == std::vector<Abuse>{Abuse::stalled_window});

  Stage patient(settings);
  patient.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, "hello");
    error = co_await exchange.downstream->respond();
  };
  patient.play([&]() -> Task<void> {
    patient.wire.say_settings({{Setting::initial_window_size, 0}});
    patient.get(1);
    for (int i = 0; i < 5; ++i) {
      const Nanos began = patient.loop.now();
      while (patient.loop.now() < began + 20 * kMilli)
        co_await patient.wire.turn();
      patient.wire.say_window(1, 1);
    }
    co_await patient.wire.until(1, "END");
  });
  CHECK_FALSE(error);
  CHECK(patient.wire.body(1) == "hello");
}

TEST_CASE("a client that reads nothing does not fill our memory", "[http2][server]") {
  ServerSettings settings = patient();
  settings.http2.control_frames = 1'000'000;
  Stage stage(settings);
  const auto script = [&]() -> Task<void> {
    const std::string ping = frame(FrameType::ping, 0, 0, "12345678");
    std::string pings;
    for (int i = 0; i < 1'000; ++i)
      pings += ping;
    // What the kernel takes on both ways and what we keep is a few hundred kilobytes; then it must stop
    // reading.
    std::size_t taken = 0;
    for (int refused = 0; refused < 50 && taken < 20'000'000;) {
      const ssize_t sent = ::send(stage.pair.second(), pings.data(), pings.size(), MSG_NOSIGNAL);
      refused = sent > 0 ? 0 : refused + 1;
      taken += sent > 0 ? static_cast<std::size_t>(sent) : 0;
      co_await stage.loop.yield();
    }
    CHECK(taken < 4'000'000);
    stage.pair.close_second();
    while (stage.connection != nullptr)
      co_await stage.loop.yield();
  };
  run(stage.loop, script);
}

TEST_CASE("the end of everything, at once", "[http2][server]") {
  Stage stage;
  Held held;
  stage.serving = held.serving(stage);
  stage.play([&]() -> Task<void> {
    stage.get(1);
    stage.get(3);
    co_await stage.wire.settle();
    stage.connection->abort();
    co_await stage.until_ended();
  });
  CHECK(held.gone == 2);
}

TEST_CASE("a filtered body goes out in DATA frames, without a length", "[http2][server][filter]") {
  Doubling::Seen seen;
  Stage stage;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, "ab");
    exchange.filter_response<Doubling>(seen, ".");
    exchange.filter_response<Doubling>(seen, "!");
    const Error error = co_await exchange.downstream->respond();
    CHECK_FALSE(error);
    exchange.end_filters();
  };
  stage.play([&]() -> Task<void> {
    stage.get(1);
    co_await stage.wire.until(1, "END");
    stage.ask(3, "HEAD", "/", kEndStream);
    co_await stage.wire.until(3, "END");
  });
  CHECK(stage.wire.of(1).front() == "HEAD :status=200");
  std::string body;
  for (const std::string& line : stage.wire.of(1)) {
    if (line.starts_with("DATA ")) body += line.substr(5);
  }
  CHECK(body == "aaaabbbb..!");
  CHECK(stage.wire.of(3) == Lines{"HEAD :status=200", "END"});
  CHECK(seen.made == 4);
  CHECK(seen.destroyed == 4);
}

TEST_CASE("a filter waits for the client's windows, and goes with its stream", "[http2][server][filter]") {
  Doubling::Seen seen;
  Stage stage;
  const std::string large = pattern(200'000);
  bool failed = false;
  stage.serving = [&](Exchange& exchange) -> Task<void> {
    answer_with(exchange, large);
    exchange.filter_response<Doubling>(seen, ".");
    failed = static_cast<bool>(co_await exchange.downstream->respond());
    exchange.end_filters();
  };
  stage.play([&]() -> Task<void> {
    stage.wire.say_settings({{Setting::initial_window_size, 1'000}});
    stage.get(1);
    co_await stage.wire.settle();
    CHECK(seen.destroyed == 0);
    stage.wire.say_reset(1, Code::cancel);
    co_await stage.wire.settle();
  });
  CHECK(failed);
  CHECK(seen.destroyed == 1);
}
