#include "unit/upstream/members.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

// Picks without requests under way: only ties decide.
Counts idle_picks(Chooser& balancer, const std::vector<std::uint32_t>& tried, int picks) {
  Counts counts(balancer.members().size());
  for (int i = 0; i < picks; ++i)
    ++counts.at(balancer.pick(tried));
  return counts;
}

}  // namespace

TEST_CASE("requests are shared out by weight", "[upstream][balance]") {
  for (const auto& weights : std::vector<std::vector<std::uint32_t>>{{1, 1},
                                                                     {1, 1, 1, 1, 1},
                                                                     {1, 2},
                                                                     {1, 3},
                                                                     {5, 3, 2},
                                                                     {4, 3, 2, 1},
                                                                     {10, 1},
                                                                     {100, 50, 25},
                                                                     {7, 7, 1, 1}}) {
    for (const bool oldest_first : {true, false}) {
      for (const unsigned workers : {1U, 4U}) {
        CAPTURE(weights, oldest_first, workers);
        const Members members = make_members(weights);
        const int picks = 100'000;
        std::vector<Chooser> balancers;
        for (unsigned worker = 0; worker < workers; ++worker)
          balancers.emplace_back(members);
        const Counts counts = simulate(balancers, picks, 2000, oldest_first);
        double sum = 0;
        for (const std::uint32_t weight : weights)
          sum += weight;
        for (std::size_t i = 0; i < weights.size(); ++i) {
          const double expected = picks * weights[i] / sum;
          CAPTURE(i, counts[i], expected);
          CHECK(std::abs(counts[i] - expected) <= expected * 0.02);
        }
        for (const Member& member : members)
          CHECK(member.endpoint->active() == 0);
      }
    }
  }
}

TEST_CASE("the server with the fewest requests for its weight is next", "[upstream][balance]") {
  const Members members = make_members({1, 2, 4});
  Chooser balancer(members);
  const auto next = [&] {
    const std::size_t at = balancer.pick();
    members[at].endpoint->acquire(0);
    return at;
  };
  // (active + 1) / weight: 1, 1/2, 1/4 at first.
  CHECK(next() == 2);
  // 1, 1/2, 2/4: a tie of two.
  const std::size_t second = next();
  const std::size_t third = next();
  CHECK(second != 0);
  CHECK(third != 0);
  CHECK(second != third);
  // 1, 2/2, 3/4.
  CHECK(next() == 2);
  for (int i = 0; i < 3; ++i)
    next();  // a tie of three: each once
  for (const Member& member : members)
    CHECK(member.endpoint->active() == member.weight);
}

TEST_CASE("an idle server comes before a busy one, whatever came before", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1});
  members[0].endpoint->acquire(0);
  members[2].endpoint->acquire(0);
  Chooser balancer(members);
  for (int i = 0; i < 10; ++i)
    CHECK(balancer.pick() == 1);
}

TEST_CASE("ties of all go round", "[upstream][balance]") {
  const Members members = make_members({3, 3, 3, 3, 3});
  Chooser balancer(members);
  CHECK(idle_picks(balancer, {}, 5000) == Counts(5, 1000));
}

TEST_CASE("ties of some are as fair as ties of all", "[upstream][balance]") {
  // Two of four are equally good; the others are out for one reason or another. A server that only happens to
  // stand behind one that is out must not get its share as well.
  const Members members = make_members({1, 1, 1, 1});
  Chooser balancer(members);
  std::vector<std::uint32_t> tried;
  SECTION("busy") {
    members[0].endpoint->acquire(0);
    members[3].endpoint->acquire(0);
  }
  SECTION("resting") {
    members[0].endpoint->connect_failed(kNow);
    members[3].endpoint->connect_failed(kNow);
  }
  SECTION("tried") { tried = {0, 3}; }
  const Counts counts = idle_picks(balancer, tried, 1000);
  CHECK(counts[0] == 0);
  CHECK(counts[3] == 0);
  CHECK(counts[1] >= 450);
  CHECK(counts[2] >= 450);
}

TEST_CASE("what was tried is not picked again", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1});
  Chooser balancer(members);
  for (int i = 0; i < 9; ++i) {
    CHECK(balancer.pick({0, 2}) == 1);
    CHECK(balancer.pick({0, 1, 2}) == kNobody);
  }
  CHECK(Chooser(Members{}).pick() == kNobody);
}

TEST_CASE("a server that rests is picked only when nothing else is left", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1});
  members[1].endpoint->connect_failed(kNow);
  for (int i = 0; i < 100; ++i)
    members[0].endpoint->acquire(0);
  for (int i = 0; i < 100; ++i)
    members[2].endpoint->acquire(0);
  Chooser balancer(members);
  for (int i = 0; i < 9; ++i) {
    CHECK(balancer.pick() != 1);
    CHECK(balancer.pick({0, 2}) == 1);
  }
  // All rest: as if none did.
  members[0].endpoint->connect_failed(kNow);
  members[2].endpoint->connect_failed(kNow);
  for (int i = 0; i < 9; ++i)
    CHECK(balancer.pick() == 1);
  // And when it has rested, it is a server like any other.
  CHECK(balancer.pick({}, kNow + 60 * kNow) == 1);
}

TEST_CASE("a heavy load does not overflow the comparison", "[upstream][balance]") {
  const Members members = make_members({1000, 999});
  Chooser balancer(members);
  for (int i = 0; i < 5'000'000; ++i)
    members[0].endpoint->acquire(0);
  for (int i = 0; i < 4'900'000; ++i)
    members[1].endpoint->acquire(0);
  CHECK(balancer.pick() == 1);
}
