// Host to tenant to route, and server name to certificate, with more and more of them. Hosts are asked for in
// random order, so that large tables are paid for with cache misses, as in life.
#include "sluice/http/authority.hpp"
#include "sluice/plan/route.hpp"
#include "sluice/tls/certificate.hpp"

#include "micro/samples.hpp"

#include <benchmark/benchmark.h>
#include <memory>
#include <random>
#include <vector>

namespace sluice::micro {
namespace {

constexpr std::size_t kAsked = 1 << 16;

std::string host(std::size_t n) { return "www.tenant-" + std::to_string(n) + ".test"; }

// Every tenant has a host of its own and two routes; anybody else comes by the pattern.
plan::RouteTable table(std::size_t tenants) {
  plan::RouteTable out;
  const auto make = [&](const std::string& name) {
    auto tenant = std::make_unique<plan::Tenant>();
    tenant->name = name;
    tenant->has_pool = true;
    plan::Route assets;
    assets.path = "/assets/";
    assets.prefix = true;
    tenant->own.add(assets);
    plan::Route hook;
    hook.path = "/hook";
    hook.methods = {"POST"};
    tenant->own.add(hook);
    return tenant;
  };
  for (std::size_t i = 0; i < tenants; ++i)
    must(out.add_tenant_host(host(i), out.keep(make("tenant-" + std::to_string(i)))));
  out.set_pattern(".example.test", &out.keep(make("any")));
  out.finish();
  return out;
}

// The hosts that will be asked for, decided beforehand, one behind the other: a request's own host has just
// been read, and is no cache miss.
class Guests {
 public:
  explicit Guests(std::size_t tenants) {
    std::mt19937 random(1);
    std::vector<std::size_t> sizes(kAsked);
    for (std::size_t& size : sizes) {
      const std::string name = host(random() % tenants);
      text_ += name;
      size = name.size();
    }
    const char* at = text_.data();
    for (const std::size_t size : sizes) {
      names_.emplace_back(at, size);
      at += size;
    }
  }
  std::string_view next() { return names_[at_++ % kAsked]; }

 private:
  std::string text_;
  std::vector<std::string_view> names_;
  std::size_t at_ = 0;
};

void route_by_host(benchmark::State& state) {
  const auto tenants = static_cast<std::size_t>(state.range(0));
  const plan::RouteTable routes = table(tenants);
  Guests guests(tenants);
  for (auto _ : state)
    benchmark::DoNotOptimize(routes.find(guests.next(), "/shop/items", "GET"));
}

void route_by_pattern(benchmark::State& state) {
  const plan::RouteTable routes = table(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(routes.find("acme.example.test", "/shop/items", "GET"));
}

void route_to_nobody(benchmark::State& state) {
  const plan::RouteTable routes = table(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(routes.find("www.nobody.test", "/shop/items", "GET"));
}

void certificate(benchmark::State& state) {
  const auto names = static_cast<std::size_t>(state.range(0));
  tls::CertificateIndex index;
  for (std::size_t i = 0; i < names; ++i) {
    auto identity = std::make_shared<tls::Identity>();
    identity->names = {host(i)};
    index.add(std::move(identity));
  }
  Guests guests(names);
  for (auto _ : state)
    benchmark::DoNotOptimize(index.find(guests.next()));
}

void authority(benchmark::State& state, std::string_view text) {
  Arena arena;
  for (auto _ : state) {
    http::Authority out;
    benchmark::DoNotOptimize(http::parse_authority(text, arena, out));
    benchmark::DoNotOptimize(out);
    arena.reset();
  }
}

void sizes(benchmark::internal::Benchmark* each) { each->Arg(10)->Arg(10'000)->Arg(100'000); }

BENCHMARK(route_by_host)->Apply(sizes);
BENCHMARK(route_by_pattern)->Apply(sizes);
BENCHMARK(route_to_nobody)->Apply(sizes);
BENCHMARK(certificate)->Apply(sizes);
BENCHMARK_CAPTURE(authority, name, "acme.example.test");
BENCHMARK_CAPTURE(authority, name_and_port, "Acme.Example.test:8443");

}  // namespace
}  // namespace sluice::micro
