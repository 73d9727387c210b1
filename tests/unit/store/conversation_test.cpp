#include "store/conversation.hpp"

#include "store/backoff.hpp"

#include <string>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::limits::KeyMaker;
using sluice::limits::Shared;
using sluice::limits::tag_of;
using sluice::limits::Terms;
using sluice::store::Backoff;
using sluice::store::Conversation;
using sluice::store::Settings;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;

struct Talk {
  explicit Talk(const Settings& with = {}) : settings(with) { conversation.greet(kStart); }

  std::string said() { return std::exchange(conversation.output(), {}); }
  bool hears(const std::string& bytes) { return conversation.heard(bytes, kStart); }
  bool takes() {
    KeyMaker maker("login");
    maker.add("a");
    auto key = maker.key();
    key.limit = tag_of("login");
    return shared.take(key, maker.text(), Terms::of(10, kSecond, 100), 1, kStart).passed;
  }

  Settings settings;
  Shared shared;
  Conversation conversation{shared, settings, "node"};
};

}  // namespace

TEST_CASE("the store learns who asks, and which database", "[store][conversation]") {
  Talk talk({.user = "edge", .password = "p\r\nw", .database = 3});
  const std::string said = talk.said();
  CHECK(said.starts_with(
      "*3\r\n$4\r\nAUTH\r\n$4\r\nedge\r\n$4\r\np\r\nw\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
  CHECK(talk.hears("+OK\r\n+OK\r\n"));
  CHECK_FALSE(talk.conversation.joined());
  CHECK(talk.hears(":1\r\n"));
  CHECK(talk.conversation.joined());
}

TEST_CASE("a script that the store forgot is told again", "[store][conversation]") {
  Talk talk;
  REQUIRE(talk.hears(":1\r\n"));
  REQUIRE(talk.takes());
  static_cast<void>(talk.said());
  talk.conversation.go_on(kStart);
  const std::string first = talk.said();
  CHECK(first.find("EVALSHA\r\n") != std::string::npos);
  CHECK(first.find("sluice:login:") != std::string::npos);
  CHECK(talk.hears("-NOSCRIPT No matching script. Please use EVAL.\r\n"));
  CHECK(talk.said().find("$4\r\nEVAL\r\n") != std::string::npos);
  CHECK(talk.hears("*2\r\n$1\r\n1\r\n$1\r\n2\r\n"));
  CHECK(talk.conversation.take_leases() == 1);
  talk.conversation.go_on(kStart);
  CHECK(talk.said().empty());
  REQUIRE(talk.takes());
  talk.conversation.go_on(kStart);
  CHECK(talk.said().find("EVALSHA\r\n") != std::string::npos);
}

TEST_CASE("what a store says instead of answering ends the conversation", "[store][conversation]") {
  for (const char* error : {"LOADING Redis is loading", "READONLY replica", "NOAUTH required", "OOM command",
                            "WRONGPASS invalid", "NOPERM no", "MISCONF disk", "ERR max number of clients"}) {
    CAPTURE(error);
    Talk talk;
    CHECK_FALSE(talk.hears(std::string("-") + error + "\r\n"));
    CHECK(talk.conversation.why() == error);
    Talk later;
    REQUIRE(later.hears(":1\r\n"));
    REQUIRE(later.takes());
    later.conversation.go_on(kStart);
    CHECK_FALSE(later.hears(std::string("-") + error + "\r\n"));
  }
}

TEST_CASE("a stranger in the store's place is not believed", "[store][conversation]") {
  CHECK_FALSE(Talk().hears("HTTP/1.1 200 OK\r\n"));
  CHECK_FALSE(Talk().hears("+OK\r\n"));
  CHECK_FALSE(Talk().hears(":1\r\n:1\r\n"));
  CHECK_FALSE(Talk().hears("*0\r\n"));
  Talk speechless;
  CHECK_FALSE(speechless.hears("-\r\n"));
  CHECK_FALSE(speechless.conversation.why().empty());
}

TEST_CASE("an answer is due within 250 ms", "[store][conversation]") {
  Talk talk;
  CHECK_FALSE(talk.conversation.late(kStart + Conversation::kPatience - 1));
  CHECK(talk.conversation.late(kStart + Conversation::kPatience));
  CHECK(talk.conversation.why() == "no answer within 250 ms");
  Talk answered;
  REQUIRE(answered.hears(":1\r\n"));
  CHECK_FALSE(answered.conversation.late(kStart + kSecond));
}

TEST_CASE("a node says once a second that it is there", "[store][conversation]") {
  Talk talk;
  REQUIRE(talk.hears(":1\r\n"));
  static_cast<void>(talk.said());
  talk.conversation.go_on(kStart + kSecond / 2);
  CHECK(talk.said().empty());
  talk.conversation.go_on(kStart + kSecond);
  CHECK(talk.said().find("sluice:nodes") != std::string::npos);
}

TEST_CASE("tries grow apart, to five seconds", "[store][backoff]") {
  Backoff backoff(7);
  Nanos most = Backoff::kFirst;
  for (int i = 0; i < 20; ++i, most = std::min(most * 2, Backoff::kLongest)) {
    const Nanos wait = backoff.next();
    CHECK(wait >= most / 2);
    CHECK(wait <= most);
  }
  backoff.reset();
  CHECK(backoff.next() <= Backoff::kFirst);
}
