#include "sluice/upstream/outliers.hpp"

#include "unit/upstream/members.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using test::make_members;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;

struct Stage {
  explicit Stage(std::size_t servers) : members(make_members(std::vector<std::uint32_t>(servers, 1))) {
    rules.max_ejected = 50;
  }
  void tell(std::size_t server, bool failed, Nanos now, int times = 1) {
    for (int i = 0; i < times; ++i)
      outliers.report(rules, members, *members[server].endpoint, failed ? "status 502" : "", now);
  }
  bool out(std::size_t server, Nanos now) const { return members[server].endpoint->condition().ejected(now); }

  Members members;
  OutlierRules rules;
  Outliers outliers;
};

}  // namespace

TEST_CASE("failures in a row take a server out, for its first time", "[upstream][outlier]") {
  Stage stage(4);
  stage.tell(0, true, kStart, 4);
  stage.tell(0, false, kStart);
  stage.tell(0, true, kStart, 4);
  CHECK_FALSE(stage.out(0, kStart));
  stage.tell(0, true, kStart);
  CHECK(stage.out(0, kStart));
  CHECK(stage.out(0, kStart + 10 * kSecond - 1));
  CHECK_FALSE(stage.out(0, kStart + 10 * kSecond));
  const EjectionReport report = stage.members[0].endpoint->condition().ejections();
  CHECK(report.count == 1);
  CHECK(report.reason == "status 502, 5 failures in a row");
  CHECK(stage.members[0].endpoint->condition().recovered_at() == kStart + 10 * kSecond);
}

TEST_CASE("on probation one failure is enough, and the time grows", "[upstream][outlier]") {
  Stage stage(4);
  stage.tell(0, true, kStart, 5);
  const Nanos back = kStart + 10 * kSecond;
  stage.tell(0, true, back);
  CHECK(stage.out(0, back + 20 * kSecond - 1));
  CHECK_FALSE(stage.out(0, back + 20 * kSecond));
  // It grows to a bound.
  stage.rules.ejection_max = 25 * kSecond;
  stage.tell(0, true, back + 20 * kSecond);
  CHECK_FALSE(stage.out(0, back + 45 * kSecond));
}

TEST_CASE("good behaviour for as long as it was out is forgiven", "[upstream][outlier]") {
  Stage stage(4);
  stage.tell(0, true, kStart, 5);
  const Nanos later = kStart + 20 * kSecond;
  stage.tell(0, false, later);
  stage.tell(0, true, later);
  CHECK_FALSE(stage.out(0, later));
  stage.tell(0, true, later, 4);
  CHECK(stage.out(0, later));
  CHECK_FALSE(stage.out(0, later + 10 * kSecond));
}

TEST_CASE("never more than the share of the pool is out", "[upstream][outlier]") {
  Stage stage(5);
  for (std::size_t server = 0; server < 5; ++server)
    stage.tell(server, true, kStart, 50);
  CHECK(stage.out(0, kStart));
  CHECK(stage.out(1, kStart));
  for (std::size_t server = 2; server < 5; ++server)
    CHECK_FALSE(stage.out(server, kStart));
  Stage alone(1);
  alone.tell(0, true, kStart, 50);
  CHECK_FALSE(alone.out(0, kStart));
}

TEST_CASE("a server that fails more often than the pool is taken out at the end of a window",
          "[upstream][outlier]") {
  Stage stage(4);
  stage.rules.consecutive_errors = 0;
  stage.rules.error_rate = 20;
  stage.tell(3, false, kStart);  // the first window begins
  for (std::size_t server = 0; server < 4; ++server) {
    stage.tell(server, true, kStart + kSecond, server == 0 ? 40 : 5);
    stage.tell(server, false, kStart + kSecond, server == 0 ? 60 : 95);
  }
  CHECK_FALSE(stage.out(0, kStart + kSecond));
  stage.tell(3, false, kStart + 10 * kSecond);
  CHECK(stage.out(0, kStart + 10 * kSecond));
  for (std::size_t server = 1; server < 4; ++server)
    CHECK_FALSE(stage.out(server, kStart + 10 * kSecond));
}

TEST_CASE("where all fail alike, or hardly anybody asks, nobody stands out", "[upstream][outlier]") {
  Stage stage(4);
  stage.rules.consecutive_errors = 0;
  stage.rules.error_rate = 20;
  stage.tell(3, false, kStart);
  for (std::size_t server = 0; server < 4; ++server)
    stage.tell(server, true, kStart + kSecond, 100);
  stage.tell(3, false, kStart + 10 * kSecond);
  stage.tell(0, true, kStart + 11 * kSecond, 49);
  stage.tell(1, false, kStart + 11 * kSecond, 1000);
  stage.tell(3, false, kStart + 20 * kSecond);
  for (std::size_t server = 0; server < 4; ++server)
    CHECK_FALSE(stage.out(server, kStart + 20 * kSecond));
}
