// What happens to fields between the two sides, how heads are written again, and the line in the access log.
#include "sluice/http/exchange.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/observe/access_log.hpp"

#include "http1/outbox.hpp"
#include "micro/samples.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <vector>

namespace sluice::micro {
namespace {

// A parsed request that can be set back to what it was, for less than it costs to parse it.
struct Parsed {
  explicit Parsed(std::string_view text) {
    parse(text, kept, exchange.request);
    fields = exchange.request.fields;
    marks.assign(fields.all().begin(), fields.all().end());
    exchange.origin.peer_ip = "192.0.2.17";
  }
  void set_back() {
    exchange.arena.reset();
    exchange.request.fields = fields;
    std::copy(marks.begin(), marks.end(), fields.all().begin());
  }

  Arena kept;
  http::Exchange exchange;
  http::Fields fields;
  std::vector<http::Field> marks;
};

void rewrite(benchmark::State& state, std::string_view text) {
  Parsed parsed(text);
  const AddressSet trusted;
  const http::ForwardingRules rules{0, "sluice"};
  for (auto _ : state) {
    parsed.set_back();
    http::identify(parsed.exchange, trusted);
    http::drop_hop_by_hop(parsed.exchange.request.fields);
    http::add_forwarding_fields(parsed.exchange, rules);
    benchmark::DoNotOptimize(parsed.exchange);
  }
}

// What of `rewrite` is the setting back.
void rewrite_nothing(benchmark::State& state) {
  Parsed parsed(kBrowserRequest);
  for (auto _ : state) {
    parsed.set_back();
    benchmark::DoNotOptimize(parsed.exchange);
    benchmark::ClobberMemory();
  }
}

void write_request(benchmark::State& state, std::string_view text) {
  Parsed parsed(text);
  const AddressSet trusted;
  http::identify(parsed.exchange, trusted);
  http::drop_hop_by_hop(parsed.exchange.request.fields);
  http::add_forwarding_fields(parsed.exchange, {0, "sluice"});
  for (auto _ : state) {
    http1::Outbox& out = http1::Outbox::fresh();
    out.request_head(parsed.exchange.request, "default");
    benchmark::DoNotOptimize(out.bytes());
    benchmark::ClobberMemory();
  }
}

void write_response(benchmark::State& state) {
  Arena arena;
  http::ResponseHead head;
  parse(kResponse, arena, head);
  http::drop_hop_by_hop(head.fields);
  for (auto _ : state) {
    http1::Outbox& out = http1::Outbox::fresh();
    out.response_head(head, head.framing, "");
    benchmark::DoNotOptimize(out.bytes());
    benchmark::ClobberMemory();
  }
}

void log_line(benchmark::State& state, observe::LogFormat format) {
  Parsed parsed(kBrowserRequest);
  const AddressSet trusted;
  http::identify(parsed.exchange, trusted);
  parsed.exchange.response.status = 200;
  parsed.exchange.tenant = "acme";
  parsed.exchange.record.bytes_out = 100;
  http::Record& record = parsed.exchange.record;
  record.pool = "app";
  record.server = "10.0.1.11:3000";
  record.route_file = "sluice.yaml";
  record.route_line = 17;
  record.attempts = 1;
  record.ended = 1'234'567;
  record.first_byte = 1'034'567;
  record.generation = 3;
  observe::AccessLog log;
  log.configure({observe::AccessFile::open("/dev/null"), format, false});
  for (auto _ : state)
    log.write(parsed.exchange);
}

BENCHMARK_CAPTURE(rewrite, small, kSmallRequest);
BENCHMARK_CAPTURE(rewrite, browser, kBrowserRequest);
BENCHMARK(rewrite_nothing);
BENCHMARK_CAPTURE(write_request, small, kSmallRequest);
BENCHMARK_CAPTURE(write_request, browser, kBrowserRequest);
BENCHMARK(write_response);
BENCHMARK_CAPTURE(log_line, json, observe::LogFormat::json);
BENCHMARK_CAPTURE(log_line, combined, observe::LogFormat::combined);

}  // namespace
}  // namespace sluice::micro
