#include "upstream/health/verdict.hpp"

#include <catch2/catch.hpp>

using sluice::upstream::Verdict;

namespace {

Verdict make(std::uint32_t rise, std::uint32_t fall) {
  Verdict out;
  out.configure(rise, fall);
  return out;
}

}  // namespace

TEST_CASE("the first check decides while nothing is known", "[upstream][health]") {
  for (const bool passed : {true, false}) {
    Verdict verdict = make(3, 3);
    CHECK(verdict.now() == Verdict::Now::unknown);
    CHECK(verdict.add(passed));
    CHECK(verdict.now() == (passed ? Verdict::Now::up : Verdict::Now::down));
  }
}

TEST_CASE("what serves already is not taken down by one check", "[upstream][health]") {
  Verdict verdict = make(2, 2);
  verdict.presume_up();
  CHECK(verdict.now() == Verdict::Now::up);
  CHECK_FALSE(verdict.add(false));
  CHECK(verdict.add(false));
  CHECK(verdict.now() == Verdict::Now::down);
}

TEST_CASE("it takes `fall` failures in a row to go down", "[upstream][health]") {
  Verdict verdict = make(2, 3);
  verdict.add(true);
  CHECK_FALSE(verdict.add(false));
  CHECK_FALSE(verdict.add(false));
  CHECK(verdict.streak() == 2);
  CHECK_FALSE(verdict.add(true));  // begins anew
  CHECK(verdict.streak() == 0);
  CHECK_FALSE(verdict.add(false));
  CHECK_FALSE(verdict.add(false));
  CHECK(verdict.now() == Verdict::Now::up);
  CHECK(verdict.add(false));
  CHECK(verdict.now() == Verdict::Now::down);
}

TEST_CASE("it takes `rise` passes in a row to come up", "[upstream][health]") {
  Verdict verdict = make(2, 3);
  verdict.add(false);
  CHECK_FALSE(verdict.add(true));
  CHECK_FALSE(verdict.add(false));
  CHECK_FALSE(verdict.add(true));
  CHECK(verdict.add(true));
  CHECK(verdict.now() == Verdict::Now::up);
}

TEST_CASE("a verdict outlives new numbers, which count from the next check", "[upstream][health]") {
  Verdict verdict = make(2, 3);
  verdict.add(true);
  verdict.add(false);
  verdict.configure(2, 2);
  CHECK(verdict.now() == Verdict::Now::up);
  CHECK(verdict.add(false));
}
