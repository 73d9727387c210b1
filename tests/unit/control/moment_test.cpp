#include "sluice/control/moment.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

constexpr UnixMs kNow = 1'795'975'200'000;  // 2026-11-29T18:00:00Z

std::optional<UnixMs> parse(const std::string& text) {
  std::string problem;
  const auto out = parse_moment(text, kNow, problem);
  CHECK(out.has_value() == problem.empty());
  return out;
}

}  // namespace

TEST_CASE("instants as people and programs write them", "[control][moment]") {
  for (const char* text :
       {"2026-11-29T18:00:00Z", "2026-11-29T18:00Z", "2026-11-29 18:00:00z", "2026-11-29T18:00:00.0004Z",
        "2026-11-29T19:30:00+01:30", "2026-11-29T13:00:00-05:00"}) {
    CAPTURE(text);
    CHECK(parse(text) == kNow);
  }
  CHECK(parse("2026-11-29T18:00:00.25Z") == kNow + 250);
  CHECK(parse("2028-02-29T00:00:00Z").has_value());
}

TEST_CASE("from now on, as durations stand in the file", "[control][moment]") {
  CHECK(parse("+15m") == kNow + 900'000);
  CHECK(parse("15m") == kNow + 900'000);
  CHECK(parse("+1.5s") == kNow + 1'500);
}

TEST_CASE("what is no instant is said to be none", "[control][moment]") {
  for (const char* text :
       {"", "+", "-15m", "15", "tomorrow", "2026-11-29", "2026-11-29T18:00:00", "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-29T24:00:00Z", "2026-11-29T18:00:60Z",
        "2026-11-29T18:00:00.Z", "2026-11-29T18:00:00Zx", "2026-11-29T18:00:00+1:00", "26-11-29T18:00:00Z",
        "2026-11-29T18:00:00+01", "++15m", "15m+"}) {
    CAPTURE(text);
    CHECK_FALSE(parse(text));
  }
}

TEST_CASE("instants are told as they are read", "[control][moment]") {
  CHECK(moment_text(kNow) == "2026-11-29T18:00:00Z");
  CHECK(moment_text(kNow - 400) == "2026-11-29T18:00:00Z");
  CHECK(exact_text(kNow + 7) == "2026-11-29T18:00:00.007Z");
  CHECK(parse(exact_text(kNow + 7)) == kNow + 7);
  CHECK(unix_of(steady_of(kNow)) - kNow <= 1);
}

TEST_CASE("an order ends in the future, and within a year", "[control][moment]") {
  std::string problem;
  CHECK(parse_end("1ms", kNow, problem) == kNow + 1);
  CHECK_FALSE(parse_end("2026-11-29T18:00:00Z", kNow, problem));
  CHECK(problem == "2026-11-29T18:00:00Z is over already");
  CHECK_FALSE(parse_end("2027-12-29T18:00:00Z", kNow, problem));
  CHECK(problem == "2027-12-29T18:00:00Z is more than a year away");
}
