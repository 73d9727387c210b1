#include "loadgen/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

using sluice::bench::Histogram;
using sluice::bench::Nanoseconds;

namespace {

Nanoseconds exact_percentile(std::vector<Nanoseconds> values, double percent) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("a histogram without values says 0", "[loadgen][histogram]") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.percentile(99) == 0);
  CHECK(histogram.least() == 0);
  CHECK(histogram.most() == 0);
  CHECK(histogram.mean() == 0);
}

TEST_CASE("small values are kept exactly", "[loadgen][histogram]") {
  Histogram histogram;
  for (Nanoseconds value = 0; value < 2000; ++value)
    histogram.record(value);
  CHECK(histogram.percentile(50) == 999);
  CHECK(histogram.percentile(100) == 1999);
  CHECK(histogram.mean() == Approx(999.5));
}

TEST_CASE("percentiles have three significant digits over the whole range", "[loadgen][histogram]") {
  std::mt19937_64 random(7);
  const double scale = GENERATE(1e3, 1e6, 1e9, 1e12);
  std::exponential_distribution<double> draw(1 / scale);
  Histogram histogram;
  std::vector<Nanoseconds> values;
  for (int i = 0; i < 20000; ++i) {
    values.push_back(std::min(static_cast<Nanoseconds>(draw(random)), Nanoseconds{1} << 41));
    histogram.record(values.back());
  }
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto exact = static_cast<double>(exact_percentile(values, percent));
    CAPTURE(scale, percent);
    CHECK(static_cast<double>(histogram.percentile(percent)) == Approx(exact).epsilon(0.001).margin(1));
  }
  CHECK(histogram.least() == *std::min_element(values.begin(), values.end()));
  CHECK(histogram.most() == *std::max_element(values.begin(), values.end()));
}

TEST_CASE("values beyond the range count as its end, and the greatest is remembered",
          "[loadgen][histogram]") {
  Histogram histogram;
  histogram.record(Nanoseconds{1} << 50);
  CHECK(histogram.count() == 1);
  CHECK(histogram.most() == Nanoseconds{1} << 50);
  CHECK(histogram.percentile(50) < Nanoseconds{1} << 43);
}

TEST_CASE("merged histograms are as one", "[loadgen][histogram]") {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<Nanoseconds> draw(0, 10'000'000);
  Histogram whole;
  Histogram left;
  Histogram right;
  for (int i = 0; i < 1000; ++i) {
    const auto value = draw(random);
    whole.record(value);
    (i % 3 == 0 ? left : right).record(value);
  }
  left.merge(right);
  CHECK(left.count() == whole.count());
  CHECK(left.least() == whole.least());
  CHECK(left.most() == whole.most());
  CHECK(left.mean() == Approx(whole.mean()));
  for (const double percent : {10.0, 50.0, 99.0})
    CHECK(left.percentile(percent) == whole.percentile(percent));
  left.merge(Histogram());
  CHECK(left.least() == whole.least());
}
