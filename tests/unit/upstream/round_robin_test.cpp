#include "unit/upstream/members.hpp"

#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

std::string letters(Chooser& chooser, int picks, const std::vector<std::uint32_t>& tried = {}) {
  std::string out;
  for (int i = 0; i < picks; ++i)
    out += static_cast<char>('a' + chooser.pick(tried));
  return out;
}

}  // namespace

TEST_CASE("round robin is smooth: a heavy server is asked often, not in a row", "[upstream][balance]") {
  // The order that nginx documents with its algorithm.
  Chooser chooser(make_members({5, 1, 1}), BalanceKind::round_robin, 0);
  CHECK(letters(chooser, 14) == "aabacaaaabacaa");
}

TEST_CASE("round robin begins somewhere else in each worker", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1});
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    Chooser chooser(members, BalanceKind::round_robin, seed);
    CHECK(letters(chooser, 6) == std::string("abcabcabcabc").substr(seed % 3, 6));
  }
}

TEST_CASE("round robin is fair among those who are there, and to who comes back", "[upstream][balance]") {
  const Members members = make_members({1, 1, 2});
  Chooser chooser(members, BalanceKind::round_robin);
  letters(chooser, 4);
  Counts counts(3);
  for (const char c : letters(chooser, 300, {0}))
    ++counts[static_cast<std::size_t>(c - 'a')];
  CHECK(counts == Counts{0, 100, 200});
  // Back again, it gets its share and nothing of what it missed.
  counts = Counts(3);
  for (const char c : letters(chooser, 400))
    ++counts[static_cast<std::size_t>(c - 'a')];
  CHECK(counts == Counts{100, 100, 200});
  // One that comes and goes all the time.
  counts = Counts(3);
  std::mt19937 random(1);
  for (int i = 0; i < 40'000; ++i) {
    std::vector<std::uint32_t> tried;
    if (random() % 2 == 0) tried.push_back(0);
    ++counts[chooser.pick(tried)];
  }
  CHECK(counts[0] == Approx(5000).epsilon(0.02));
  CHECK(counts[1] == Approx(35'000 / 3.0).epsilon(0.02));
  CHECK(counts[2] == Approx(70'000 / 3.0).epsilon(0.02));
}
