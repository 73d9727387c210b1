#include "sluice/upstream/latency.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;

namespace {

constexpr Nanos kMilli = 1'000'000;
constexpr Nanos kSecond = 1000 * kMilli;
constexpr Nanos kDecay = 10 * kSecond;
constexpr Nanos kStart = 1000 * kSecond;

float ms(const Latency& latency, Nanos now) { return latency.read(now).faded(kDecay) / kMilli; }

}  // namespace

TEST_CASE("a latency rises at once and falls slowly", "[upstream][latency]") {
  Latency latency;
  CHECK_FALSE(latency.read(kStart).known());
  latency.observe(10 * kMilli, kStart, kDecay);
  CHECK(latency.read(kStart).known());
  CHECK(ms(latency, kStart) == Approx(10));
  latency.observe(100 * kMilli, kStart + kMilli / 4, kDecay);
  CHECK(ms(latency, kStart) == Approx(100));
  // e^-1 of the old and the rest of the new.
  latency.observe(10 * kMilli, kStart + kDecay, kDecay);
  CHECK(ms(latency, kStart + kDecay) == Approx(100 * 0.3679 + 10 * 0.6321).epsilon(0.01));
  // Once the time constant has passed many times, only the new is left.
  for (int i = 0; i < 1000; ++i)
    latency.observe(10 * kMilli, kStart + kDecay + i * kSecond / 10, kDecay);
  CHECK(ms(latency, kStart + kDecay + 100 * kSecond) == Approx(10).epsilon(0.05));
}

TEST_CASE("a latency fades while nobody asks", "[upstream][latency]") {
  Latency latency;
  latency.observe(80 * kMilli, kStart, kDecay);
  CHECK(ms(latency, kStart + kDecay) == Approx(80 * 0.3679).epsilon(0.01));
  CHECK(ms(latency, kStart + 3 * kDecay) == Approx(80 * 0.0498).epsilon(0.01));
  CHECK(latency.read(kStart + 3 * kDecay).nanos == Approx(80e6));
}

TEST_CASE("a worker whose time is behind sees a fresh latency", "[upstream][latency]") {
  Latency latency;
  latency.observe(80 * kMilli, kStart, kDecay);
  CHECK(ms(latency, kStart - 5 * kMilli) == Approx(80));
  latency.observe(20 * kMilli, kStart - 5 * kMilli, kDecay);
  CHECK(ms(latency, kStart) == Approx(80));
}

TEST_CASE("a failure makes a latency worse and never better", "[upstream][latency]") {
  Latency latency;
  latency.observe_failure(kMilli, kStart);
  CHECK_FALSE(latency.read(kStart).known());
  latency.observe(80 * kMilli, kStart, kDecay);
  latency.observe_failure(kMilli, kStart + kDecay);
  CHECK(ms(latency, kStart + kDecay) == Approx(80));
  latency.observe_failure(kSecond, kStart + kDecay);
  CHECK(ms(latency, kStart + kDecay) == Approx(1000));
}

TEST_CASE("an answer within a turn of the loop has a latency too", "[upstream][latency]") {
  Latency latency;
  latency.observe(0, kStart, kDecay);
  CHECK(latency.read(kStart).known());
}
