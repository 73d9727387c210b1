#include "loadgen/figures.hpp"
#include "loadgen/report.hpp"
#include "loadgen/verdict.hpp"

#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::bench {
namespace {

std::string plural(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string describe_load(const LoadOptions& options) {
  switch (options.loop) {
    case Loop::even: return fmt::format("{:g} requests/s", options.rate);
    case Loop::poisson: return fmt::format("{:g} requests/s at random (Poisson)", options.rate);
    case Loop::replay: return fmt::format("{} at {:g} times its speed", options.replay_file, options.speed);
    case Loop::closed: break;
  }
  return "as fast as answers come (closed loop)";
}

std::string describe_connections(const LoadOptions& options) {
  auto text = plural(options.connections, "connection");
  if (options.http2) text += fmt::format(" of {} over HTTP/2", plural(options.streams, "stream"));
  if (!options.keep_alive) text += " at a time, a new one for each request";
  return text + fmt::format(", {}", plural(options.threads, "thread"));
}

std::string histogram_text(const Histogram& histogram) {
  const auto at = [&](double percent) { return milliseconds(histogram.percentile(percent)); };
  return fmt::format("p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}  mean {:.3f} ms", at(50),
                     at(90), at(99), at(99.9), milliseconds(histogram.most()), histogram.mean() / 1e6);
}

std::string failures_text(const LoadResult& result) {
  std::vector<std::string> failures;
  for (const auto& [name, count] : failures_of(result.tally.measured))
    failures.push_back(fmt::format("{} {}", count, name));
  return failures.empty() ? "" : fmt::format("failures   {}\n", fmt::join(failures, ", "));
}

std::string sockets_text(const LoadOptions& options, const Tally& tally) {
  auto text = fmt::format("sockets    {} opened, {} closed by the server between requests\n",
                          tally.connections_opened, tally.connections_lost);
  if (options.url.tls)
    text += fmt::format("handshakes {} full, {} resumed\n", tally.handshakes_full, tally.handshakes_resumed);
  return text;
}

std::string generator_text(const LoadResult& result) {
  const auto& [tally, cost, received, skipped, interrupted] = result;
  auto text = fmt::format(
      "generator  {:.1f} us of processor per request, busiest thread {:.0f} % busy, start lag p50 {:.3f} p99 "
      "{:.3f} ms\n",
      own_cost_per_request(result), share_of(cost.busiest, cost.elapsed) * 100,
      milliseconds(tally.lag.percentile(50)), milliseconds(tally.lag.percentile(99)));
  const auto reasons = bottlenecks(result);
  if (!reasons.empty())
    text += fmt::format("           THE GENERATOR WAS THE BOTTLENECK: {}\n", fmt::join(reasons, "; "));
  return text;
}

std::string step_text(const CapacityStep& step) {
  return fmt::format("{:10.0f} {:12.0f} {:11.3f} {:11.3f} {:8.3f}  {}\n", step.rate, step.answered,
                     milliseconds(step.p50), milliseconds(step.p99), step.percent_lost,
                     step.held ? "held" : name_of(step.broken_by));
}

}  // namespace

std::string load_text(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.tally;
  const auto& measured = tally.measured;
  const double lasted = seconds(result.cost.elapsed);
  auto text = fmt::format("{}://{}{}: {} for {:.4g} s over {}, after {:g} s of warm-up{}\n",
                          options.url.tls ? "https" : "http", options.url.authority, options.url.target,
                          describe_load(options), lasted, describe_connections(options),
                          seconds(options.warmup), result.interrupted ? " (interrupted)" : "");
  text += fmt::format("requests   {} scheduled = {} sent + {} unsent; {} had to wait for a connection\n",
                      measured.scheduled(), measured.sent, measured.unsent, measured.waited);
  text += fmt::format("answers    {} ok, {} failed, {} unanswered; {:.1f}/s, {:.2f} MiB/s\n", measured.ok,
                      measured.failed(), measured.unanswered, answered_rate(result),
                      lasted == 0 ? 0 : static_cast<double>(result.bytes_received) / 1048576 / lasted);
  text += failures_text(result);
  if (options.loop == Loop::replay)
    text += fmt::format("replay     {} answered as logged, {} otherwise; {} lines skipped\n",
                        measured.as_logged, measured.not_as_logged, result.lines_skipped);
  if (tally.warmup_lost > 0)
    text += fmt::format("warm-up    {} of {} lost\n", tally.warmup_lost, tally.warmup_sent);
  text += fmt::format("latency    {}  (from when they were due)\n", histogram_text(tally.latency));
  text += fmt::format("service    {}  (from when they were sent)\n", histogram_text(tally.service));
  text += sockets_text(options, tally);
  if (options.server_pid > 0)
    text +=
        fmt::format("server     {:.1f} us of processor per request, {:.2f} cores\n",
                    server_cost_per_request(result), share_of(result.cost.server_cpu, result.cost.elapsed));
  return text + generator_text(result);
}

std::string capacity_text(const CapacityOptions& options, const CapacityResult& result) {
  auto text = fmt::format("objective  p99 at most {:g} ms, at most {:g} % lost, over {}\n\n",
                          milliseconds(options.p99), options.errors, describe_connections(options));
  text += fmt::format("{:>10} {:>12} {:>11} {:>11} {:>8}\n", "requests/s", "answered/s", "p50 ms", "p99 ms",
                      "lost %");
  for (const auto& step : result.steps)
    text += step_text(step);
  text += '\n';
  const auto* const best = result.best();
  if (!best) return text + "capacity   none: not even the lowest rate held the objective\n";
  text += fmt::format("capacity   {:.0f} requests/s; above it: {}\n", best->rate, describe(result.limit));
  text += fmt::format("plan with  {:.0f} requests/s per core ({})\n", best->rate / options.server_cores,
                      plural(options.server_cores, "core"));
  if (options.server_pid > 0)
    text += fmt::format("server     used {:.2f} cores at that rate, {:.1f} us of processor per request\n",
                        best->server_cores_used, best->server_us_per_request);
  return text;
}

std::string idle_text(const IdleResult& result) {
  return fmt::format(
      "{} connections asked for, {} not opened, {} first requests failed\n"
      "{} held, {} closed by the server meanwhile; last requests: {} ok, {} failed\n",
      result.asked, result.not_opened, result.first_failed, result.held, result.lost, result.last_ok,
      result.last_failed);
}

}  // namespace sluice::bench
