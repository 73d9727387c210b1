// The framing guard: finding a head's end, and taking it apart.
#include "sluice/http1/head.hpp"

#include "micro/samples.hpp"

#include <benchmark/benchmark.h>

namespace sluice::micro {
namespace {

void scan(benchmark::State& state, std::string_view head) {
  for (auto _ : state) {
    http1::HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.scan(head));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(head.size()));
}

template <class Head>
void take_apart(benchmark::State& state, std::string_view text) {
  Arena arena;
  for (auto _ : state) {
    Head head;
    parse(text, arena, head);
    benchmark::DoNotOptimize(head);
    arena.reset();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void request(benchmark::State& state, std::string_view text) { take_apart<http::RequestHead>(state, text); }
void response(benchmark::State& state, std::string_view text) { take_apart<http::ResponseHead>(state, text); }

void field_id(benchmark::State& state, std::string_view name) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(http::field_id(name));
  }
}

const std::string kCookies = cookie_request();

BENCHMARK_CAPTURE(scan, browser, kBrowserRequest);
BENCHMARK_CAPTURE(scan, cookies, kCookies);
BENCHMARK_CAPTURE(request, small, kSmallRequest);
BENCHMARK_CAPTURE(request, browser, kBrowserRequest);
BENCHMARK_CAPTURE(request, cookies, kCookies);
BENCHMARK_CAPTURE(response, usual, kResponse);
BENCHMARK_CAPTURE(field_id, known, "User-Agent");
BENCHMARK_CAPTURE(field_id, unknown, "Accept-Language");

}  // namespace
}  // namespace sluice::micro
