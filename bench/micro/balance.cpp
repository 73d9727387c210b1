// Which server is next, by each policy. The servers have requests under way, in the numbers a busy pool would
// have, and have answered.
#include "sluice/base/hash.hpp"
#include "sluice/upstream/balance/balancer.hpp"
#include "sluice/upstream/balance/sticky.hpp"

#include "micro/samples.hpp"

#include <benchmark/benchmark.h>
#include <memory>
#include <string>

namespace sluice::micro {
namespace {

using upstream::BalanceKind;

constexpr Nanos kNow = 1'000'000'000'000;
constexpr Nanos kMilli = 1'000'000;

upstream::Members busy_members(std::int64_t count) {
  const auto wire = std::make_shared<const upstream::Wire>();
  upstream::Members members;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) {
    const std::string name = "10.0." + std::to_string(i / 250) + '.' + std::to_string(i % 250 + 1) + ":80";
    members.push_back(
        {std::make_shared<upstream::Endpoint>("app", name, "", SocketAddress::parse(name).value(), wire, i),
         1 + i % 3});
    for (std::uint32_t busy = 0; busy < i * 7 % 5; ++busy)
      members.back().endpoint->acquire(0);
    members.back().endpoint->latency().observe((1 + i % 7) * kMilli, kNow - i * kMilli, 10'000 * kMilli);
  }
  return members;
}

std::shared_ptr<upstream::PoolState> make_state() { return std::make_shared<upstream::PoolState>("app"); }

void pick(benchmark::State& state, BalanceKind kind, std::uint32_t bound_percent) {
  upstream::BalanceSpec spec;
  spec.kind = kind;
  spec.bound_percent = bound_percent;
  const upstream::Group group(spec, {}, busy_members(state.range(0)), make_state());
  upstream::Balancer balancer(group, 1);
  std::uint64_t key = 0;
  for (auto _ : state) {
    const std::size_t chosen = balancer.pick({}, kNow, mix64(++key));
    upstream::Endpoint& endpoint = *group.members()[chosen].endpoint;
    endpoint.acquire(0);
    endpoint.release();
  }
}
BENCHMARK_CAPTURE(pick, least_connections, BalanceKind::least_connections, 0)->Arg(3)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, round_robin, BalanceKind::round_robin, 0)->Arg(3)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, random_two, BalanceKind::random_two, 0)->Arg(3)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, least_time, BalanceKind::least_time, 0)->Arg(3)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, hash, BalanceKind::hash, 125)->Arg(3)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(pick, hash_without_bound, BalanceKind::hash, 0)->Arg(3)->Arg(100)->Arg(1000);

// What a reload does once for each pool.
void make_group(benchmark::State& state, BalanceKind kind) {
  upstream::BalanceSpec spec;
  spec.kind = kind;
  const upstream::Members members = busy_members(state.range(0));
  for (auto _ : state) {
    const upstream::Group group(spec, {}, members, make_state());
    benchmark::DoNotOptimize(group.make_policy(1));
  }
}
BENCHMARK_CAPTURE(make_group, random_two, BalanceKind::random_two)->Arg(1000);
BENCHMARK_CAPTURE(make_group, hash, BalanceKind::hash)->Arg(1000);

void find_sticky(benchmark::State& state) {
  const upstream::Members members = busy_members(state.range(0));
  const upstream::StickyNames names(members, "app", "secret");
  std::size_t at = 0;
  for (auto _ : state) {
    at = (at + 7) % members.size();
    must(names.find(names.name(at)) == at);
  }
}
BENCHMARK(find_sticky)->Arg(3)->Arg(1000);

}  // namespace
}  // namespace sluice::micro
