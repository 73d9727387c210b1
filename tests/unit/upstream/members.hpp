// Pools of servers that exist only as numbers.
#pragma once

#include "sluice/base/hash.hpp"
#include "sluice/upstream/balance/balancer.hpp"

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace sluice::test {

inline upstream::Members make_members(const std::vector<std::uint32_t>& weights) {
  const auto wire = std::make_shared<const upstream::Wire>();
  upstream::Members out;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    const std::string name = "10.0." + std::to_string(i / 250) + '.' + std::to_string(i % 250 + 1) + ":80";
    const auto address = SocketAddress::parse(name).value();
    out.push_back({std::make_shared<upstream::Endpoint>("app", name, "", address, wire, i), weights[i]});
  }
  return out;
}

inline constexpr Nanos kNow = 1'000'000'000;

// A balancer with its group.
class Chooser {
 public:
  explicit Chooser(const upstream::Members& members, const upstream::BalanceSpec& spec = {},
                   std::uint64_t seed = 1)
      : group_(std::make_unique<upstream::Group>(spec, upstream::Rules{}, members,
                                                 std::make_shared<upstream::PoolState>("app"))),
        balancer_(*group_, seed) {}
  explicit Chooser(const upstream::Members& members, upstream::BalanceKind kind, std::uint64_t seed = 1)
      : Chooser(members, upstream::BalanceSpec{.kind = kind, .key = {}}, seed) {}

  std::size_t pick(const std::vector<std::uint32_t>& tried = {}, Nanos now = kNow,
                   const upstream::Key& key = {}) {
    return balancer_.pick(tried, now, key);
  }
  const upstream::Members& members() const { return group_->members(); }

 private:
  std::unique_ptr<upstream::Group> group_;
  upstream::Balancer balancer_;
};

using Counts = std::vector<int>;

// `picks` requests of which `under_way` are active at any time; how many each server got. Each request has a
// key of its own. `oldest_first`: all take the same time; otherwise any may end next.
inline Counts simulate(std::vector<Chooser>& workers, int picks, std::size_t under_way, bool oldest_first) {
  const upstream::Members& members = workers.front().members();
  std::mt19937 random(1);
  std::deque<std::size_t> active;
  Counts counts(members.size());
  for (int i = 0; i < picks; ++i) {
    if (active.size() == under_way && under_way != 0) {
      if (!oldest_first) std::swap(active.front(), active[random() % active.size()]);
      members[active.front()].endpoint->release();
      active.pop_front();
    }
    const std::size_t at =
        workers[random() % workers.size()].pick({}, kNow, mix64(static_cast<std::uint64_t>(i)));
    ++counts.at(at);
    if (under_way == 0) continue;
    members[at].endpoint->acquire(0);
    active.push_back(at);
  }
  for (const std::size_t at : active)
    members[at].endpoint->release();
  return counts;
}

// Servers that take their time, in simulated time: each worker of one works on any number of requests at
// once. Requests come at random, `gap` apart on average, and are answered after `takes` of their server.
class Simulation {
 public:
  Simulation(const upstream::Members& members, upstream::BalanceKind kind, Nanos gap)
      : chooser_(members, kind), kind_(kind), gap_(gap) {}

  // Goes on for `span`; how many requests each server got in it.
  Counts run(const std::vector<Nanos>& takes, Nanos span) {
    Counts counts(takes.size());
    std::exponential_distribution<double> wait(1.0 / static_cast<double>(gap_));
    for (const Nanos end = now_ + span; now_ < end;) {
      now_ += static_cast<Nanos>(wait(random_)) + 1;
      finish();
      const std::size_t at = chooser_.pick({}, now_, mix64(random_()));
      chooser_.members().at(at).endpoint->acquire(0);
      ++counts[at];
      under_way_.emplace(now_ + takes[at], std::pair(at, now_));
    }
    return counts;
  }

 private:
  void finish() {
    while (!under_way_.empty() && under_way_.begin()->first <= now_) {
      const auto [done, request] = *under_way_.begin();
      upstream::Endpoint& endpoint = *chooser_.members()[request.first].endpoint;
      endpoint.release();
      if (kind_ == upstream::BalanceKind::least_time) {
        endpoint.latency().observe(done - request.second, done, upstream::BalanceSpec{}.decay);
      }
      under_way_.erase(under_way_.begin());
    }
  }

  Chooser chooser_;
  upstream::BalanceKind kind_;
  Nanos gap_;
  Nanos now_ = kNow;
  std::mt19937_64 random_{1};
  std::multimap<Nanos, std::pair<std::size_t, Nanos>> under_way_;  // by end: server and start
};

}  // namespace sluice::test
