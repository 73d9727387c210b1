#include "loadgen/schedule.hpp"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice::bench;

namespace {

constexpr Nanoseconds begin = 5 * per_second;

Times times(Nanoseconds warmup, Nanoseconds duration) {
  return {begin, begin + warmup, begin + warmup + duration};
}

// Everything that a schedule wants, at the time it wants it.
std::vector<Nanoseconds> all_of(Schedule& schedule) {
  std::vector<Nanoseconds> due;
  for (; !schedule.exhausted(begin); schedule.issue())
    due.push_back(schedule.due(begin) - begin);
  return due;
}

}  // namespace

TEST_CASE("an even schedule offers exactly its rate", "[loadgen][schedule]") {
  const double rate = GENERATE(1.0, 3.0, 1000.0, 7777.0);
  Schedule schedule(times(0, 2 * per_second), {}, even_arrivals(rate));
  const auto due = all_of(schedule);
  CAPTURE(rate);
  CHECK(due.size() == static_cast<std::size_t>(2 * rate));
  CHECK(due.front() == 0);
  CHECK(std::is_sorted(due.begin(), due.end()));
  CHECK(due.back() == Approx(2e9 - 1e9 / rate).margin(1));
}

TEST_CASE("threads share a schedule without a gap or a double", "[loadgen][schedule]") {
  Schedule alone(times(0, per_second), {}, even_arrivals(1000));
  const auto expected = all_of(alone);
  std::vector<Nanoseconds> together;
  for (std::uint32_t thread = 0; thread < 3; ++thread) {
    Schedule part(times(0, per_second), {thread, 3}, even_arrivals(1000));
    const auto due = all_of(part);
    together.insert(together.end(), due.begin(), due.end());
  }
  std::sort(together.begin(), together.end());
  CHECK(together == expected);
}

TEST_CASE("what is due in the warm-up does not count", "[loadgen][schedule]") {
  Schedule schedule(times(per_second, per_second), {}, even_arrivals(10));
  int measured = 0;
  for (; !schedule.exhausted(begin); schedule.issue())
    measured += schedule.is_measured(schedule.due(begin)) ? 1 : 0;
  CHECK(measured == 10);
  CHECK(schedule.index() == 20);
}

TEST_CASE("Poisson arrivals keep the rate, are the same in every run, and come in no step",
          "[loadgen][schedule]") {
  for (std::uint32_t threads : {1U, 4U}) {
    std::size_t count = 0;
    for (std::uint32_t thread = 0; thread < threads; ++thread) {
      const Share share{thread, threads};
      Schedule schedule(times(0, 10 * per_second), share, poisson_arrivals(1000, share));
      Schedule again(times(0, 10 * per_second), share, poisson_arrivals(1000, share));
      const auto due = all_of(schedule);
      CHECK(due == all_of(again));
      CHECK(std::is_sorted(due.begin(), due.end()));
      count += due.size();
      // Exponential gaps: as many as 1/e of them are longer than the mean.
      const double mean = 1e6 * threads;
      std::size_t longer = 0;
      for (std::size_t i = 1; i < due.size(); ++i)
        longer += static_cast<double>(due[i] - due[i - 1]) > mean ? 1 : 0;
      CHECK(static_cast<double>(longer) / static_cast<double>(due.size()) == Approx(0.368).margin(0.03));
    }
    CHECK(count == Approx(10000).epsilon(0.05));
  }
}

TEST_CASE("a stopped schedule keeps what was due until then", "[loadgen][schedule]") {
  Schedule schedule(times(0, 10 * per_second), {}, even_arrivals(10));
  schedule.stop(begin + per_second);
  schedule.stop(begin + 5 * per_second);  // later is no longer possible
  CHECK(schedule.end() == begin + per_second);
  CHECK(all_of(schedule).size() == 10);
}

TEST_CASE("the dropped rest is counted without the warm-up", "[loadgen][schedule]") {
  Schedule schedule(times(per_second, per_second), {}, even_arrivals(10));
  schedule.issue();
  CHECK(schedule.drop_rest() == 10);
  CHECK(schedule.drop_rest() == 0);
}

TEST_CASE("a closed loop is due whenever asked, until its end", "[loadgen][schedule]") {
  Schedule schedule(times(per_second, per_second), {1, 2});
  CHECK(schedule.is_closed());
  CHECK(schedule.due(begin + 7) == begin + 7);
  CHECK_FALSE(schedule.is_measured(begin + 7));
  CHECK(schedule.is_measured(begin + per_second));
  CHECK(schedule.index() == 1);
  schedule.issue();
  CHECK(schedule.index() == 3);
  CHECK_FALSE(schedule.exhausted(begin + 2 * per_second - 1));
  CHECK(schedule.exhausted(begin + 2 * per_second));
  CHECK(schedule.drop_rest() == 0);
}

TEST_CASE("arrivals may end before the time does", "[loadgen][schedule]") {
  Schedule schedule(times(0, per_second), {}, [](std::uint64_t index) { return index < 3 ? index : never; });
  CHECK(all_of(schedule) == std::vector<Nanoseconds>{0, 1, 2});
}
