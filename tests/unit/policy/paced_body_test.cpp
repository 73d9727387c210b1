// A body that waits for its turn: whole and in order, with its length, and ended when nobody wants it.
#include "policy/bandwidth/paced_body.hpp"

#include "sluice/http/exchange.hpp"

#include "unit/net/loop_fixture.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch.hpp>

using namespace sluice;
using http::BodyStep;
using policy::PacedBody;
using policy::Pacer;

namespace {

// Says its text in pieces, waits before each, and notes what is asked of it.
class Pieces final : public http::BodySource {
 public:
  Pieces(std::string text, std::size_t size) : text_(std::move(text)), size_(size) {}
  BodyStep poll(std::string_view& piece) override {
    if (error_) return BodyStep::failed;
    if (at_ == text_.size()) return BodyStep::end;
    if (at_ == until_) return BodyStep::wait;
    piece = std::string_view(text_).substr(at_, until_ - at_);
    at_ = until_;
    return BodyStep::data;
  }
  Task<void> fill() override {
    ++fills;
    until_ = std::min(until_ + size_, text_.size());
    co_return;
  }
  void release() override { ++releases; }
  void stop() override { error_ = {ErrorKind::cancelled, Side::upstream}; }
  void fail() { error_ = {ErrorKind::deadline_exceeded, Side::upstream}; }
  Error error() const override { return error_; }
  const http::Fields& trailers() const override { return trailers_; }

  int fills = 0;
  int releases = 0;

 private:
  std::string text_;
  std::size_t size_;
  std::size_t at_ = 0;
  std::size_t until_ = 0;
  Error error_;
  http::Fields trailers_;
};

struct Stage {
  // So many bytes at once, and the rest at that rate.
  Stage(std::string text, std::uint64_t rate, std::uint64_t burst, std::size_t piece = 1000)
      : inner(std::move(text), piece) {
    Pacer pacer(ledger);
    pacer.add(limits::Terms::of(rate, test::kSecond, burst));
    exchange.response.framing = http::Framing::length;
    exchange.response.length = 12345;
    exchange.response_body = &inner;
    exchange.filter_response<PacedBody>(loop, std::move(pacer));
  }
  ~Stage() { exchange.end_filters(); }
  Task<void> read(std::string& out) {
    for (;;) {
      std::string_view piece;
      last = exchange.response_body->poll(piece);
      if (last == BodyStep::data) out += piece;
      if (last == BodyStep::data) exchange.response_body->release();
      if (last == BodyStep::wait) co_await exchange.response_body->fill();
      if (last == BodyStep::end || last == BodyStep::failed) co_return;
    }
  }

  limits::Ledger ledger;
  net::Loop loop;
  Pieces inner;
  http::Exchange exchange;
  BodyStep last = BodyStep::wait;
};

}  // namespace

TEST_CASE("a paced body is the same body, of the same length", "[policy][bandwidth]") {
  const std::string text = test::pattern(30'000);
  Stage stage(text, 50'000, 10'000);
  std::string got;
  const Nanos began = steady_now();
  test::run(stage.loop, [&] { return stage.read(got); });
  CHECK(got == text);
  CHECK(stage.last == BodyStep::end);
  CHECK(stage.exchange.response.framing == http::Framing::length);
  CHECK(stage.exchange.response.length == 12345);
  CHECK(steady_now() - began >= 20'000 * test::kSecond / 50'000);
}

TEST_CASE("nothing more is read, and no memory asked back, while a piece waits", "[policy][bandwidth]") {
  Stage stage(test::pattern(5000), 1, 500);
  std::string_view piece;
  http::BodySource& body = *stage.exchange.response_body;
  CHECK(body.poll(piece) == BodyStep::wait);
  test::run(stage.loop, [&] { return body.fill(); });
  CHECK(stage.inner.fills == 1);
  std::size_t got = 0;
  while (body.poll(piece) == BodyStep::data)
    got += piece.size();
  CHECK(got == 500);
  body.release();
  CHECK(stage.inner.releases == 0);
  CHECK(stage.inner.fills == 1);
}

TEST_CASE("a wait ends when nobody wants the rest", "[policy][bandwidth]") {
  const bool server_failed = GENERATE(false, true);
  Stage stage(test::pattern(5000), 1, 500);
  std::string got;
  net::Deadline later(
      [](void* of) {
        auto& at = *static_cast<Stage*>(of);
        at.exchange.response_filter->stop();
      },
      &stage);
  test::run(stage.loop, [&]() -> Task<void> {
    later.arm(stage.loop, steady_now() + test::kMilli);
    if (server_failed) stage.inner.fail();
    co_await stage.read(got);
  });
  CHECK(stage.last == BodyStep::failed);
  CHECK(got.size() <= 500);
  const Error error = stage.exchange.response_body->error();
  CHECK(error.side == Side::upstream);
  CHECK(stage.exchange.response_body->poll(*std::make_unique<std::string_view>()) == BodyStep::failed);
}
