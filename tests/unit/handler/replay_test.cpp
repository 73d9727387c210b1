// A body that is sent, and sent again.
#include "sluice/handler/replay.hpp"

#include "unit/net/loop_fixture.hpp"

#include <deque>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::handler;
using namespace sluice::test;
using http::BodyStep;

namespace {

constexpr std::size_t kMost = 64 * 1024;

// What a client sends, as the test has it come.
class Sender final : public http::BodySource {
 public:
  explicit Sender(net::Loop& loop) : loop_(loop) {}
  void add(std::string text) { coming.push_back(std::move(text)); }

  BodyStep poll(std::string_view& piece) override {
    CHECK_FALSE(filling);  // nobody looks while somebody waits
    if (failure) return BodyStep::failed;
    if (here_.empty()) return ended && coming.empty() ? BodyStep::end : BodyStep::wait;
    given_.push_back(std::move(here_.front()));
    here_.pop_front();
    piece = given_.back();
    return BodyStep::data;
  }
  Task<void> fill() override {
    CHECK_FALSE(filling);  // one at a time
    filling = true;
    ++fills;
    given_.clear();
    while (coming.empty() && !ended && !failure)
      co_await loop_.yield();
    here_.swap(coming);
    filling = false;
  }
  void stop() override {
    ++stops;
    failure = {ErrorKind::cancelled, Side::downstream};
  }
  Error error() const override { return failure; }
  const http::Fields& trailers() const override { return fields; }

  std::deque<std::string> coming;
  bool ended = false;
  bool filling = false;
  int fills = 0;
  int stops = 0;
  Error failure;
  http::Fields fields;

 private:
  net::Loop& loop_;
  std::deque<std::string> here_;
  std::deque<std::string> given_;
};

struct Stage {
  net::Loop loop;
  Sender sender{loop};
  Replay replay{loop, sender, kMost};

  // All that comes, to the end ("." behind it) or the failure ("!").
  Task<std::string> read() {
    std::string out;
    for (;;) {
      std::string_view piece;
      const BodyStep step = replay.poll(piece);
      if (step == BodyStep::data) out += piece;
      if (step == BodyStep::wait) co_await replay.fill();
      if (step == BodyStep::end) co_return out + ".";
      if (step == BodyStep::failed) co_return out + "!";
    }
  }
  // What is here now.
  std::string look() {
    std::string out;
    std::string_view piece;
    while (replay.poll(piece) == BodyStep::data)
      out += piece;
    return out;
  }
};

}  // namespace

TEST_CASE("a body read to its end can be read once more", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.sender.add("hello ");
    stage.sender.add("world");
    stage.sender.ended = true;
    for (int i = 0; i < 3; ++i) {
      const std::string body = co_await stage.read();
      CHECK(body == "hello world.");
      CHECK(stage.replay.can_rewind());
      stage.replay.rewind();
    }
    co_await stage.replay.finish();
  };
  run(stage.loop, script);
  CHECK(stage.sender.fills == 1);
  CHECK(stage.sender.stops == 0);
}

TEST_CASE("a second attempt gets what the first one had, and then what comes", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.sender.add("one ");
    co_await stage.replay.fill();
    CHECK(stage.look() == "one ");
    stage.replay.rewind();
    stage.sender.add("two");
    stage.sender.ended = true;
    const std::string body = co_await stage.read();
    CHECK(body == "one two.");
    co_await stage.replay.finish();
  };
  run(stage.loop, script);
}

TEST_CASE("pieces stay where they are until the next wait", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 64; ++i)
      stage.sender.add(std::string(1'000, static_cast<char>('a' + i % 26)));
    co_await stage.replay.fill();
    std::vector<std::string_view> pieces;
    std::string_view piece;
    while (stage.replay.poll(piece) == BodyStep::data)
      pieces.push_back(piece);
    CHECK(pieces.size() == 64);
    for (std::size_t i = 0; i < pieces.size(); ++i)
      CHECK(pieces[i] == std::string(1'000, static_cast<char>('a' + i % 26)));
    stage.sender.ended = true;
    co_await stage.read();
    co_await stage.replay.finish();
  };
  run(stage.loop, script);
}

TEST_CASE("a body up to the bound can be repeated, a larger one passes through", "[handler][replay]") {
  for (const std::size_t more : {0, 1}) {
    Stage stage;
    const std::string large = pattern(kMost / 2);
    const auto script = [&]() -> Task<void> {
      stage.sender.add(large);
      stage.sender.add(large);
      if (more != 0) stage.sender.add("x");
      stage.sender.ended = true;
      const std::string body = co_await stage.read();
      const bool whole = body == large + large + std::string(more, 'x') + ".";
      CHECK(whole);
      CHECK(body.size() == 2 * large.size() + more + 1);
      CHECK(stage.replay.can_rewind() == (more == 0));
      co_await stage.replay.finish();
    };
    run(stage.loop, script);
  }
}

TEST_CASE("an attempt that is given up does not give up what the client sends", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.sender.add("one ");
    bool first_ended = false;
    std::string first;
    const auto attempt = [&]() -> Task<void> {
      first = co_await stage.read();
      first_ended = true;
    };
    start(attempt());
    while (!stage.sender.filling || stage.sender.fills < 2)
      co_await stage.loop.yield();
    stage.replay.stop();
    while (!first_ended)
      co_await stage.loop.yield();
    CHECK(first == "one !");
    CHECK(stage.replay.error().kind == ErrorKind::cancelled);
    CHECK(stage.sender.filling);  // still
    CHECK(stage.sender.stops == 0);

    stage.replay.rewind();
    std::string_view piece;
    CHECK(stage.look() == "one ");
    CHECK(stage.replay.poll(piece) == BodyStep::wait);
    stage.sender.add("two");
    stage.sender.ended = true;
    const std::string second = co_await stage.read();
    CHECK(second == "two.");
    co_await stage.replay.finish();
  };
  run(stage.loop, script);
}

TEST_CASE("the end of it all waits for whoever still asks the client", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    const auto attempt = [&]() -> Task<void> { co_await stage.read(); };
    start(attempt());
    CHECK(stage.sender.filling);
    stage.replay.stop();
    co_await stage.replay.finish();
    CHECK_FALSE(stage.sender.filling);
    CHECK(stage.sender.stops == 1);
  };
  run(stage.loop, script);
}

TEST_CASE("a client that breaks off breaks every attempt", "[handler][replay]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.sender.add("half");
    co_await stage.replay.fill();
    CHECK(stage.look() == "half");
    stage.sender.failure = {ErrorKind::closed, Side::downstream};
    const std::string first = co_await stage.read();
    CHECK(first == "!");
    CHECK(stage.replay.error() == Error{ErrorKind::closed, Side::downstream});
    stage.replay.rewind();
    const std::string second = co_await stage.read();
    CHECK(second == "half!");
    co_await stage.replay.finish();
  };
  run(stage.loop, script);
}

TEST_CASE("trailers are the client's", "[handler][replay]") {
  Stage stage;
  CHECK(&stage.replay.trailers() == &stage.sender.fields);
}
