// What holds of every policy, and who comes into question.
#include "unit/upstream/members.hpp"

#include <atomic>
#include <cmath>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

constexpr BalanceKind kAll[] = {BalanceKind::least_connections, BalanceKind::round_robin,
                                BalanceKind::random_two, BalanceKind::least_time, BalanceKind::hash};
constexpr int kPicks = 100'000;
constexpr Nanos kSecond = 1'000'000'000;

// Who looks at requests under way shares by weight only when there are some.
std::size_t under_way(BalanceKind kind) {
  const bool by_load = kind == BalanceKind::least_connections || kind == BalanceKind::least_time;
  return by_load ? 2000 : 0;
}

Counts shares(const Members& members, const BalanceSpec& spec) {
  std::vector<Chooser> one;
  one.emplace_back(members, spec, 4);
  return simulate(one, kPicks, under_way(spec.kind), true);
}

void check_shares(const Counts& counts, const std::vector<double>& weights, double tolerance = 0.02) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = kPicks * weights[i] / sum;
    CAPTURE(i, counts[i], expected);
    CHECK(std::abs(counts[i] - expected) <= expected * tolerance);
  }
}

void let_rest(const Members& members, std::initializer_list<std::size_t> which) {
  for (const std::size_t at : which)
    members[at].endpoint->connect_failed(kNow);
}

Key key(int number) { return mix64(static_cast<std::uint64_t>(number)); }

}  // namespace

TEST_CASE("a worker that has not picked since sees that a panic began, and that it is over",
          "[upstream][balance]") {
  Members members = make_members({1});
  members[0].most_active = 1;
  Endpoint& endpoint = *members[0].endpoint;
  for (const bool refuse : {true, false}) {
    Rules rules;
    rules.panic.then = refuse ? PanicThen::refuse : PanicThen::all;
    const Group group({}, rules, members, std::make_shared<PoolState>("app"));
    Balancer idle(group, 1);
    Nanos now = kNow;
    CHECK(idle.pick({}, now, {}) == 0);
    endpoint.condition().set_up(false, now += kSecond);
    CHECK(idle.room({}, now) == (refuse ? 0 : 1));
    CHECK(idle.waiting_helps({}, now) == !refuse);
    CHECK(idle.pick({}, now, {}) == (refuse ? kNobody : 0));
    endpoint.condition().set_up(true, now += kSecond);
    CHECK(idle.room({}, now) == 1);
    CHECK(idle.waiting_helps({}, now));
  }
}

TEST_CASE("no more requests are under way than the bound says, not for a moment", "[upstream][balance]") {
  const Members members = make_members({1});
  Endpoint& endpoint = *members[0].endpoint;
  std::atomic<bool> beyond{false};
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (endpoint.acquire(2)) endpoint.release();
      if (endpoint.active() > 2) beyond = true;
    }
  };
  std::thread threads[] = {std::thread(work), std::thread(work), std::thread(work), std::thread(work)};
  for (std::thread& thread : threads)
    thread.join();
  CHECK_FALSE(beyond);
  CHECK(endpoint.active() == 0);
  CHECK(endpoint.acquire(1));
  CHECK_FALSE(endpoint.acquire(1));
  CHECK(endpoint.acquire(0));
}

TEST_CASE("every policy shares requests out by weight", "[upstream][balance]") {
  for (const auto& weights : std::vector<std::vector<std::uint32_t>>{
           {1, 1, 1}, {1, 2, 5}, {5, 2, 1}, {10, 30}, {100, 200, 500, 200}}) {
    for (const BalanceKind kind : kAll) {
      CAPTURE(weights, static_cast<int>(kind));
      BalanceSpec spec;
      spec.kind = kind;
      const Counts counts = shares(make_members(weights), spec);
      check_shares(counts, {weights.begin(), weights.end()});
    }
  }
}

TEST_CASE("two choices share by weight under load too", "[upstream][balance]") {
  std::vector<Chooser> workers;
  const Members members = make_members({1, 2, 5});
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    workers.emplace_back(members, BalanceKind::random_two, seed);
  check_shares(simulate(workers, kPicks, 2000, false), {1, 2, 5});
}

TEST_CASE("when weights change, the shares follow", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    BalanceSpec spec;
    spec.kind = kind;
    Members members = make_members({1, 1, 1});
    check_shares(shares(members, spec), {1, 1, 1});
    members[1].weight = 6;
    check_shares(shares(members, spec), {1, 6, 1});
  }
}

TEST_CASE("a recovered server comes back slowly, with every policy", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    BalanceSpec spec;
    spec.kind = kind;
    spec.slow_start = 1000;
    const Members members = make_members({4, 4, 8});
    members[1].endpoint->condition().recovered(kNow);
    // Of so small a share chance alone takes or gives two percent.
    check_shares(shares(members, spec), {4, 0.4, 8}, 0.05);
    members[1].endpoint->condition().recovered(kNow - 500);
    check_shares(shares(members, spec), {4, 2.2, 8});
    members[1].endpoint->condition().recovered(kNow - 1000);
    check_shares(shares(members, spec), {4, 4, 8});
  }
}

TEST_CASE("a slow start rises from a tenth to the whole in a straight line", "[upstream][balance]") {
  CHECK(ramped(1000, 0, 100) == 100);
  CHECK(ramped(1000, -5, 100) == 100);
  CHECK(ramped(1000, 50, 100) == 550);
  CHECK(ramped(1000, 99, 100) == 991);
  CHECK(ramped(1000, 100, 100) == 1000);
  CHECK(ramped(1000, 1'000'000, 100) == 1000);
  CHECK(ramped(1, 0, 100) == 1);
  const Members members = make_members({3});
  CHECK(weight_now(members[0], kNow, 0) == 3 * kWeightUnit);
  CHECK(weight_now(members[0], kNow, 1000) == 3 * kWeightUnit);  // never away
  members[0].endpoint->condition().recovered(kNow);
  CHECK(weight_now(members[0], kNow, 0) == 3 * kWeightUnit);
  CHECK(weight_now(members[0], kNow, 1000) == 307);
}

TEST_CASE("with every policy what was tried is not picked again", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    Chooser chooser(make_members({1, 1000, 1, 10}), kind);
    for (int i = 0; i < 500; ++i) {
      CHECK(chooser.pick({1, 3}, kNow, key(i)) % 2 == 0);
      CHECK(chooser.pick({0, 1, 3}, kNow, key(i)) == 2);
      CHECK(chooser.pick({0, 1, 2, 3}, kNow, key(i)) == kNobody);
    }
    CHECK(Chooser(Members{}, kind).pick({}, kNow, key(1)) == kNobody);
  }
}

TEST_CASE("a pool of one server has rules too", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    Members members = make_members({1});
    members[0].backup = GENERATE(false, true);
    Chooser chooser(members, kind);
    CHECK(chooser.pick({}, kNow, key(1)) == 0);
    CHECK(chooser.pick({0}, kNow, key(1)) == kNobody);
    let_rest(members, {0});
    CHECK(chooser.pick({}, kNow, key(1)) == 0);
    CHECK(chooser.pick({0}, kNow, key(1)) == kNobody);
  }
}

TEST_CASE("the few who are left share what comes, with every policy", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    const Members members = make_members(std::vector<std::uint32_t>(200, 5));
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i != 17 && i != 18 && i != 150) members[i].endpoint->connect_failed(kNow);
    }
    Chooser chooser(members, kind);
    Counts counts(members.size());
    for (int i = 0; i < 3000; ++i)
      ++counts.at(chooser.pick({}, kNow, key(i)));
    CHECK(counts[17] + counts[18] + counts[150] == 3000);
    for (const std::size_t at : {17, 18, 150})
      CHECK(counts[at] > 850);
  }
}

TEST_CASE("backup servers are asked only when no other is usable", "[upstream][balance]") {
  for (const BalanceKind kind : kAll) {
    CAPTURE(static_cast<int>(kind));
    Members members = make_members({1, 1, 100, 100});
    members[2].backup = members[3].backup = true;
    Chooser chooser(members, kind);
    const auto picks = [&](const std::vector<std::uint32_t>& tried) {
      Counts counts(members.size());
      for (int i = 0; i < 1000; ++i)
        ++counts.at(chooser.pick(tried, kNow, key(i)));
      return counts;
    };
    Counts counts = picks({});
    CHECK(counts[0] + counts[1] == 1000);
    CHECK(picks({0})[1] == 1000);
    let_rest(members, {0});
    CHECK(picks({})[1] == 1000);
    // A primary one that rests does not come before a backup.
    counts = picks({1});
    CHECK(counts[2] + counts[3] == 1000);
    let_rest(members, {1});
    counts = picks({});
    CHECK(counts[0] + counts[1] == 0);
    CHECK(counts[2] > 0);
    CHECK(counts[3] > 0);
    CHECK(picks({2})[3] == 1000);
    let_rest(members, {2});
    CHECK(picks({})[3] == 1000);
    // When nobody is usable, anybody is better than nobody.
    counts = picks({3});
    CHECK(counts[3] == 0);
    CHECK(counts[0] + counts[1] + counts[2] == 1000);
    let_rest(members, {3});
    CHECK(picks({1, 2, 3})[0] == 1000);
    CHECK(chooser.pick({0, 1, 2, 3}, kNow, key(1)) == kNobody);
    // And when they have rested, all is as it was.
    CHECK(chooser.pick({0}, kNow + 60 * kNow, key(1)) == 1);
  }
}

TEST_CASE("the load moves off a server that is ten times slower", "[upstream][balance]") {
  constexpr Nanos kMilli = 1'000'000;
  constexpr Nanos kSecond = 1000 * kMilli;
  const std::vector<Nanos> takes{10 * kMilli, 100 * kMilli, 10 * kMilli};
  const auto share = [&](BalanceKind kind) {
    Simulation simulation(make_members({1, 1, 1}), kind, kMilli / 4);
    simulation.run(takes, kSecond);
    const Counts counts = simulation.run(takes, 4 * kSecond);
    return static_cast<double>(counts[1]) / std::accumulate(counts.begin(), counts.end(), 0);
  };
  CHECK(share(BalanceKind::round_robin) > 0.33);
  CHECK(share(BalanceKind::least_connections) < 0.08);
  CHECK(share(BalanceKind::random_two) < 0.12);
  CHECK(share(BalanceKind::least_time) < 0.02);
}

TEST_CASE("with least_time a server is shunned with its first late answers, and tried again later",
          "[upstream][balance]") {
  constexpr Nanos kMilli = 1'000'000;
  constexpr Nanos kSecond = 1000 * kMilli;
  // So few requests that there is hardly ever one under way: only the estimate tells the servers apart.
  Simulation simulation(make_members({1, 1, 1}), BalanceKind::least_time, 50 * kMilli);
  const std::vector<Nanos> well(3, 2 * kMilli);
  const std::vector<Nanos> ill{2 * kMilli, 20 * kMilli, 2 * kMilli};
  Counts counts = simulation.run(well, 100 * kSecond);
  CHECK(counts[1] > 500);
  counts = simulation.run(ill, 100 * kSecond);
  CHECK(counts[1] < 20);
  CHECK(counts[1] > 1);  // it is asked now and then
  simulation.run(well, 60 * kSecond);
  counts = simulation.run(well, 100 * kSecond);
  CHECK(counts[1] > 500);
}

TEST_CASE("with least_time a server without an estimate gets neither all nor nothing",
          "[upstream][balance]") {
  const auto shares_of_last = [](Nanos observed_at, bool end_at_once) {
    const Members members = make_members({1, 1, 1, 1});
    for (std::size_t i = 0; i < 3; ++i)
      members[i].endpoint->latency().observe(10'000'000, kNow, BalanceSpec{}.decay);
    // One that was asked long ago is like one that was never asked, however fast it was then.
    if (observed_at != 0) members[3].endpoint->latency().observe(50'000, observed_at, BalanceSpec{}.decay);
    Chooser chooser(members, BalanceKind::least_time);
    int count = 0;
    for (int i = 0; i < 100; ++i) {
      const std::size_t at = chooser.pick({}, kNow);
      if (at == 3) ++count;
      if (!end_at_once) members[at].endpoint->acquire(0);
    }
    return count;
  };
  for (const Nanos observed_at : {Nanos{0}, kNow - 600 * kNow}) {
    CAPTURE(observed_at);
    CHECK(shares_of_last(observed_at, false) >= 25);
    CHECK(shares_of_last(observed_at, false) <= 45);
    CHECK(shares_of_last(observed_at, true) > 0);
  }
}
