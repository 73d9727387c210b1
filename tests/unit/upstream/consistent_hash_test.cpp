#include "sluice/base/hash.hpp"

#include "unit/upstream/members.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

constexpr int kKeys = 100'000;

BalanceSpec hash(std::uint32_t bound = 125) {
  BalanceSpec spec;
  spec.kind = BalanceKind::hash;
  spec.bound_percent = bound;
  return spec;
}

Key key(int number) { return hash64("customer-" + std::to_string(number)); }

// The name of each key's server.
std::vector<std::string> servers_of_keys(const Members& members, int keys = kKeys) {
  Chooser chooser(members, hash());
  std::vector<std::string> out;
  for (int i = 0; i < keys; ++i)
    out.push_back(members.at(chooser.pick({}, kNow, key(i))).endpoint->name());
  return out;
}

// How many keys each server of `to` got that others had in `from`.
std::map<std::string, int> moved(const std::vector<std::string>& from, const std::vector<std::string>& to) {
  std::map<std::string, int> out;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != to[i]) ++out[to[i]];
  }
  return out;
}

int sum(const std::map<std::string, int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0,
                         [](int all, const auto& c) { return all + c.second; });
}

}  // namespace

TEST_CASE("a server that is added takes its share of the keys, and no other key moves",
          "[upstream][balance]") {
  for (const std::size_t count : {3U, 10U, 100U}) {
    CAPTURE(count);
    const Members more = make_members(std::vector<std::uint32_t>(count, 1));
    const Members fewer(more.begin(), more.end() - 1);
    const auto with = servers_of_keys(more);
    const auto without = servers_of_keys(fewer);
    // Added: only the new one gets any.
    const auto gained = moved(without, with);
    CHECK(gained.size() == 1);
    CHECK(gained.count(more.back().endpoint->name()) == 1);
    CHECK(sum(gained) == Approx(kKeys / static_cast<double>(count)).epsilon(0.06));
    // Removed: only its own move, and all others get some.
    const auto spread = moved(with, without);
    CHECK(sum(spread) == sum(gained));
    CHECK(spread.size() == count - 1);
    if (count == 100) continue;
    for (const auto& [name, keys] : spread)
      CHECK(keys == Approx(sum(gained) / static_cast<double>(count - 1)).epsilon(0.08));
  }
}

TEST_CASE("while a server is down its keys are where they would be without it, and return",
          "[upstream][balance]") {
  const Members members = make_members(std::vector<std::uint32_t>(5, 1));
  const auto before = servers_of_keys(members);
  Members others = members;
  others.erase(others.begin() + 2);
  const auto without = servers_of_keys(others);
  members[2].endpoint->connect_failed(kNow);
  CHECK(servers_of_keys(members) == without);
  members[2].endpoint->connect_succeeded(0);
  CHECK(servers_of_keys(members) == before);
}

TEST_CASE("the order of servers in the file and their number in the process mean nothing",
          "[upstream][balance]") {
  Members members = make_members({1, 2, 3, 1, 1});
  const auto before = servers_of_keys(members);
  std::reverse(members.begin(), members.end());
  std::swap(members[1], members[3]);
  CHECK(servers_of_keys(members) == before);
}

TEST_CASE("keys go where they went in other processes and other versions", "[upstream][balance]") {
  // A fleet is upgraded one process after the other: whoever changes this moves every key of everybody.
  CHECK(hash64("") == 0x2d06800538d394c2);  // XXH3's own test vector
  CHECK(hash64("customer-1") == 0x76ed62b89efb594c);
  const auto servers = servers_of_keys(make_members({1, 1, 2, 1}), 12);
  std::string digits;
  for (const std::string& name : servers)
    digits += name[7];
  CHECK(digits == "131233223412");
}

TEST_CASE("a weight that rises takes keys, and one that falls gives them", "[upstream][balance]") {
  Members members = make_members({1, 1, 1});
  const auto before = servers_of_keys(members);
  members[1].weight = 2;
  const auto after = servers_of_keys(members);
  const auto gained = moved(before, after);
  CHECK(gained.size() == 1);
  // From a third to a half.
  CHECK(gained.at(members[1].endpoint->name()) == Approx(kKeys / 6.0).epsilon(0.03));
}

TEST_CASE("no server gets more than its bound, whatever the keys", "[upstream][balance]") {
  for (const std::uint32_t bound : {110U, 125U, 200U}) {
    for (const auto& weights : std::vector<std::vector<std::uint32_t>>{{1, 1, 1, 1}, {1, 2, 5}, {3, 100}}) {
      // Everybody has one of so many keys: one is an attack.
      for (const unsigned keys : {1U, 2U, 10U, 1'000'000U}) {
        CAPTURE(bound, weights, keys);
        const Members members = make_members(weights);
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        Chooser chooser(members, hash(bound));
        std::mt19937 random(1);
        std::vector<std::size_t> active;
        bool holds = true;
        for (int i = 0; i < 5000; ++i) {
          // Grows to a thousand, then some end.
          if (active.size() > 1000 || (active.size() > 10 && random() % 3 == 0)) {
            std::swap(active.back(), active[random() % active.size()]);
            members[active.back()].endpoint->release();
            active.pop_back();
          }
          const std::size_t at = chooser.pick({}, kNow, key(static_cast<int>(random() % keys)));
          members[at].endpoint->acquire(0);
          active.push_back(at);
          const double fair = static_cast<double>(active.size()) * weights[at] / sum;
          holds = holds && members[at].endpoint->active() <= std::ceil(fair * bound / 100);
        }
        CHECK(holds);
      }
    }
  }
}

TEST_CASE("a key's server is passed over only while it is full", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1, 1});
  Chooser bounded(members, hash());
  Chooser unbounded(members, hash(0));
  const std::size_t own = unbounded.pick({}, kNow, key(1));
  CHECK(bounded.pick({}, kNow, key(1)) == own);
  for (int i = 0; i < 40; ++i)
    members[static_cast<std::size_t>(i) % 4].endpoint->acquire(0);
  // Of 45 with this one, a server may have 14.06, rounded up: it is the fifteenth here.
  for (int i = 0; i < 4; ++i)
    members[own].endpoint->acquire(0);
  CHECK(bounded.pick({}, kNow, key(1)) == own);
  // Of 46 14.4: it would be the sixteenth.
  members[own].endpoint->acquire(0);
  const std::size_t second = bounded.pick({}, kNow, key(1));
  CHECK(second != own);
  // The same one every time, and the one that would be first without the first.
  CHECK(bounded.pick({}, kNow, key(1)) == second);
  CHECK(unbounded.pick({static_cast<std::uint32_t>(own)}, kNow, key(1)) == second);
  CHECK(unbounded.pick({}, kNow, key(1)) == own);
  for (int i = 0; i < 3; ++i)
    members[own].endpoint->release();
  CHECK(bounded.pick({}, kNow, key(1)) == own);
}

TEST_CASE("a request without a key goes where the load is least", "[upstream][balance]") {
  const Members members = make_members({1, 1, 1});
  Chooser chooser(members, hash());
  Counts counts(3);
  for (int i = 0; i < 300; ++i)
    ++counts[chooser.pick()];
  CHECK(counts == Counts(3, 100));
  members[0].endpoint->acquire(0);
  members[2].endpoint->acquire(0);
  for (int i = 0; i < 10; ++i)
    CHECK(chooser.pick() == 1);
}
