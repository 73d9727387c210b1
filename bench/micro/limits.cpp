// What a limit costs: the key of a request, a token out of its bucket. With a million keys, asked for in
// random order, the buckets lie in memory that no cache holds.
#include "sluice/limits/ledger.hpp"

#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice::micro {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

const limits::Terms kTerms = limits::Terms::of(1'000'000, kSecond, 1'000'000'000);

limits::Key key_of(std::uint64_t number) {
  limits::KeyMaker maker("client");
  maker.add({reinterpret_cast<const char*>(&number), sizeof number});
  limits::Key key = maker.key();
  key.limit = 1;
  return key;
}

std::vector<limits::Key> keys(std::int64_t count) {
  std::vector<limits::Key> out;
  out.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(key_of(static_cast<std::uint64_t>(i)));
  return out;
}

void limit_key(benchmark::State& state) {
  std::uint64_t number = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(key_of(++number));
}
BENCHMARK(limit_key);

// With threads: all workers at one table, or at one bucket.
void limit_take(benchmark::State& state) {
  static std::unique_ptr<limits::Ledger> ledger;
  static std::vector<limits::Key> all;
  if (state.thread_index() == 0) {
    ledger = std::make_unique<limits::Ledger>();
    all = keys(state.range(0));
    for (const limits::Key& key : all)
      ledger->take(key, kTerms, 1, kSecond);
  }
  std::uint64_t random = static_cast<std::uint64_t>(state.thread_index()) + 1;
  Nanos now = kSecond;
  for (auto _ : state) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    benchmark::DoNotOptimize(ledger->take(all[(random >> 33) % all.size()], kTerms, 1, ++now));
  }
  if (state.thread_index() == 0) {
    ledger.reset();
    all.clear();
  }
}
BENCHMARK(limit_take)->Arg(1)->Arg(10'000)->Arg(1'000'000)->Threads(1)->Threads(2);

// A flood of clients that nobody has seen, with no room for them.
void limit_evict(benchmark::State& state) {
  limits::Ledger ledger;
  for (const limits::Key& key : keys(1'000'000))
    ledger.take(key, kTerms, 1'000'000, kSecond);
  std::uint64_t number = 1'000'000;
  for (auto _ : state)
    benchmark::DoNotOptimize(ledger.take(key_of(++number), kTerms, 1'000'000, kSecond));
}
BENCHMARK(limit_evict);

// What happens every ten seconds with a million keys, none of which can be forgotten.
void limit_sweep(benchmark::State& state) {
  limits::Ledger ledger;
  for (const limits::Key& key : keys(1'000'000))
    ledger.take(key, kTerms, 1'000'000, kSecond);
  for (auto _ : state)
    ledger.sweep(kSecond);
}
BENCHMARK(limit_sweep)->Unit(benchmark::kMillisecond);

void limit_enter_leave(benchmark::State& state) {
  limits::Ledger ledger;
  const limits::Key key = key_of(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ledger.enter(key, 100));
    ledger.leave(key);
  }
}
BENCHMARK(limit_enter_leave);

}  // namespace
}  // namespace sluice::micro
