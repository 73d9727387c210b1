// Which server is next. The servers have requests under way, in the numbers a busy pool would have.
#include "sluice/upstream/balance/least_connections.hpp"

#include "micro/samples.hpp"

#include <benchmark/benchmark.h>
#include <memory>
#include <string>

namespace sluice::micro {
namespace {

void pick(benchmark::State& state) {
  const auto wire = std::make_shared<const upstream::Wire>();
  upstream::Members members;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(state.range(0)); ++i) {
    const std::string name = "10.0.0." + std::to_string(i % 250 + 1) + ":80";
    members.push_back(
        {std::make_shared<upstream::Endpoint>("app", name, "", SocketAddress::parse(name).value(), wire, i),
         1 + i % 3});
    for (std::uint32_t busy = 0; busy < i * 7 % 5; ++busy)
      members.back().endpoint->acquire();
  }
  upstream::LeastConnections balancer;
  for (auto _ : state) {
    const std::size_t chosen = balancer.pick(members, {}, 1);
    members[chosen].endpoint->acquire();
    members[chosen].endpoint->release();
  }
}
BENCHMARK(pick)->Arg(1)->Arg(4)->Arg(16)->Arg(64)->Arg(256);

}  // namespace
}  // namespace sluice::micro
