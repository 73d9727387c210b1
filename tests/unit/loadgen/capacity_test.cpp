#include "loadgen/capacity.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace sluice::bench;

namespace {

// A server that holds up to `limit` requests per second.
MeasureRate server_with(double limit, Limit broken_by = Limit::p99) {
  return [=](double rate) {
    CapacityStep step;
    step.rate = rate;
    step.held = rate <= limit;
    step.broken_by = broken_by;
    return step;
  };
}

}  // namespace

TEST_CASE("the search closes in on the limit from below", "[loadgen][capacity]") {
  const double limit = GENERATE(120.0, 1000.0, 1001.0, 23'456.0, 990'000.0);
  const auto result = search_capacity(1000, 1e6, server_with(limit));
  CAPTURE(limit);
  REQUIRE(result.best());
  CHECK(result.best()->rate <= limit);
  CHECK(result.best()->rate >= limit / 1.05);
  CHECK(result.limit == Limit::p99);
  CHECK(result.steps.size() < 40);
}

TEST_CASE("the search says why it ended", "[loadgen][capacity]") {
  CHECK(search_capacity(1000, 1e6, server_with(5000, Limit::errors)).limit == Limit::errors);
  CHECK(search_capacity(1000, 1e6, server_with(5000, Limit::generator)).limit == Limit::generator);
  const auto all_held = search_capacity(1000, 3000, server_with(1e9));
  CHECK(all_held.limit == Limit::highest);
  CHECK(all_held.best()->rate == 3000);
}

TEST_CASE("a server that holds nothing has no capacity", "[loadgen][capacity]") {
  const auto result = search_capacity(1000, 1e6, server_with(0));
  CHECK_FALSE(result.best());
}

TEST_CASE("one bad step is tried again before it counts", "[loadgen][capacity]") {
  int calls = 0;
  const auto result = search_capacity(1000, 4000, [&](double rate) {
    CapacityStep step;
    step.rate = rate;
    step.held = ++calls != 2;  // once, for no reason
    return step;
  });
  CHECK(result.best()->rate == 4000);
  CHECK(result.steps.size() == 4);
}

TEST_CASE("a signal ends the search at once", "[loadgen][capacity]") {
  const auto result = search_capacity(1000, 1e6, server_with(0, Limit::stopped));
  CHECK(result.steps.size() == 1);
  CHECK(result.limit == Limit::stopped);
}
