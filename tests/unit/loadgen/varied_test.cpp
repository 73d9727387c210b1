#include "loadgen/varied.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <set>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::bench;

namespace {

std::string value_of(const Varied& varied, std::uint64_t index) {
  std::string out;
  varied.append_value(index, out);
  return out;
}

}  // namespace

TEST_CASE("a varied field counts from 1, in turn", "[loadgen]") {
  const Varied varied("X-User: u-{n}-x", 3);
  CHECK(varied.start() == "X-User: ");
  CHECK(varied.small_name() == "x-user");
  CHECK(value_of(varied, 0) == "u-1-x");
  CHECK(value_of(varied, 2) == "u-3-x");
  CHECK(value_of(varied, 3) == "u-1-x");
}

TEST_CASE("or over addresses, each of them another one", "[loadgen]") {
  const Varied varied("X-Forwarded-For: {ip}, 192.0.2.1", 70'000);
  CHECK(value_of(varied, 0) == "10.0.0.0, 192.0.2.1");
  CHECK(value_of(varied, 65'536 + 258) == "10.1.1.2, 192.0.2.1");
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 140'000; ++i)
    seen.insert(value_of(varied, i));
  CHECK(seen.size() == 70'000);
}

TEST_CASE("a varied field without a place for the number is a mistake", "[loadgen]") {
  CHECK_THROWS_AS(Varied("X-User: all", 3), toolkit::UsageError);
  CHECK_THROWS_AS(Varied("X-User", 3), toolkit::UsageError);
}
