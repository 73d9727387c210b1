#include "sluice/observe/recurring.hpp"

#include "unit/observe/heard.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::observe;
using namespace sluice::test;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1000 * kSecond;

}  // namespace

TEST_CASE("what happens again and again is said at once, then with a count", "[observe][recurring]") {
  Recurring trouble;
  const std::string lines = heard([&] {
    for (int i = 0; i < 17; ++i)
      trouble.tell(LogLevel::warn, kStart + i, "no room for {}", i);
    trouble.tell(LogLevel::warn, kStart + 5 * kSecond, "no room for {}", 17);
    trouble.over("room for {}", "all");
    trouble.over("room for {}", "all");
  });
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
  CHECK(lines.find("warn no room for 0\n") != std::string::npos);
  CHECK(lines.find("warn no room for 17 (17 times since it was last said)\n") != std::string::npos);
  CHECK(lines.find("info room for all\n") != std::string::npos);
}

TEST_CASE("what flaps and then lasts is said in the end", "[observe][recurring]") {
  Recurring state(kStatePace);
  const std::string lines = heard([&] {
    for (int i = 0; i < 30; ++i) {
      state.tell(LogLevel::warn, kStart + i, "down");
      state.over("up");
    }
    state.tell(LogLevel::warn, kStart + 30, "down");
    state.remind(LogLevel::warn, kStart + kSecond, "down");
    state.remind(LogLevel::warn, kStart + 6 * kSecond, "down");
    state.remind(LogLevel::warn, kStart + 60 * kSecond, "down");
  });
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 10 + 10 + 1);
  CHECK(lines.ends_with("warn down (21 times since it was last said)\n"));
}
