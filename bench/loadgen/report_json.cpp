#include "loadgen/figures.hpp"
#include "loadgen/report.hpp"
#include "loadgen/verdict.hpp"

#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace sluice::bench {
namespace {

namespace json = boost::json;

json::string text(std::string_view view) { return json::string(view.data(), view.size()); }

std::string_view name_of(Loop loop) {
  switch (loop) {
    case Loop::even: return "even";
    case Loop::poisson: return "poisson";
    case Loop::replay: return "replay";
    case Loop::closed: break;
  }
  return "closed";
}

json::object histogram_json(const Histogram& histogram) {
  const auto at = [&](double percent) { return microseconds(histogram.percentile(percent)); };
  return {{"count", histogram.count()},
          {"min", microseconds(histogram.least())},
          {"mean", histogram.mean() / 1e3},
          {"p50", at(50)},
          {"p75", at(75)},
          {"p90", at(90)},
          {"p99", at(99)},
          {"p99.9", at(99.9)},
          {"p99.99", at(99.99)},
          {"max", microseconds(histogram.most())}};
}

json::object failures_json(const LoadResult& result) {
  json::object failures;
  for (const auto& [name, count] : failures_of(result.tally.measured))
    failures[name] = count;
  return failures;
}

json::object statuses_json(const Requests& requests) {
  json::object statuses;
  for (std::size_t status_class = 1; status_class < status_classes; ++status_class)
    if (requests.statuses[status_class] > 0)
      statuses[fmt::format("{}xx", status_class)] = requests.statuses[status_class];
  return statuses;
}

json::object generator_json(const LoadResult& result) {
  json::array reasons;
  for (const auto& reason : bottlenecks(result))
    reasons.push_back(text(reason));
  const auto& cost = result.cost;
  return {{"cpu_seconds", seconds(cost.cpu)},
          {"cpu_us_per_request", own_cost_per_request(result)},
          {"busy", share_of(cost.busiest, cost.elapsed)},
          {"waiting", share_of(cost.waiting, cost.elapsed)},
          {"lag_us", histogram_json(result.tally.lag)},
          {"bottleneck", !reasons.empty()},
          {"reasons", reasons}};
}

json::object step_json(const CapacityStep& step) {
  return {
      {"rate", step.rate},
      {"answered_per_second", step.answered},
      {"p50_us", microseconds(step.p50)},
      {"p99_us", microseconds(step.p99)},
      {"lost_percent", step.percent_lost},
      {"held", step.held},
      {"broken_by", step.held ? json::value(nullptr) : json::value(text(bench::name_of(step.broken_by)))}};
}

}  // namespace

std::string load_json(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.tally;
  const auto& measured = tally.measured;
  json::object report{
      {"loop", text(name_of(options.loop))},
      {"rate", options.rate},
      {"http", options.http2 ? "2" : "1.1"},
      {"threads", options.threads},
      {"connections", options.connections},
      {"streams", options.streams},
      {"seconds", seconds(result.cost.elapsed)},
      {"interrupted", result.interrupted},
      {"requests",
       {{"scheduled", measured.scheduled()},
        {"sent", measured.sent},
        {"ok", measured.ok},
        {"failed", measured.failed()},
        {"unanswered", measured.unanswered},
        {"unsent", measured.unsent},
        {"waited_for_connection", measured.waited}}},
      {"answered_per_second", answered_rate(result)},
      {"bytes_received", result.bytes_received},
      {"failures", failures_json(result)},
      {"statuses", statuses_json(measured)},
      {"warmup", {{"sent", tally.warmup_sent}, {"lost", tally.warmup_lost}}},
      {"latency_us", histogram_json(tally.latency)},
      {"service_us", histogram_json(tally.service)},
      {"sockets", {{"opened", tally.connections_opened}, {"closed_by_server", tally.connections_lost}}},
      {"handshakes", {{"full", tally.handshakes_full}, {"resumed", tally.handshakes_resumed}}},
      {"generator", generator_json(result)},
  };
  if (options.loop == Loop::replay)
    report["replay"] = {{"as_logged", measured.as_logged},
                        {"not_as_logged", measured.not_as_logged},
                        {"lines_skipped", result.lines_skipped}};
  if (options.server_pid > 0)
    report["server"] = {{"cpu_seconds", seconds(result.cost.server_cpu)},
                        {"cpu_us_per_request", server_cost_per_request(result)}};
  return json::serialize(report) + "\n";
}

std::string capacity_json(const CapacityOptions& options, const CapacityResult& result) {
  json::array steps;
  for (const auto& step : result.steps)
    steps.push_back(step_json(step));
  const auto* const best = result.best();
  const double rate = best ? best->rate : 0;
  json::object report{
      {"objective", {{"p99_us", microseconds(options.p99)}, {"lost_percent", options.errors}}},
      {"steps", steps},
      {"requests_per_second", rate},
      {"cores", options.server_cores},
      {"requests_per_second_per_core", rate / options.server_cores},
      {"limited_by", text(bench::name_of(result.limit))}};
  if (options.server_pid > 0 && best)
    report["server"] = {{"cores_used", best->server_cores_used},
                        {"cpu_us_per_request", best->server_us_per_request}};
  return json::serialize(report) + "\n";
}

std::string idle_json(const IdleResult& result) {
  const json::object report{{"asked", result.asked},
                            {"not_opened", result.not_opened},
                            {"first_failed", result.first_failed},
                            {"held", result.held},
                            {"lost", result.lost},
                            {"last_ok", result.last_ok},
                            {"last_failed", result.last_failed}};
  return json::serialize(report) + "\n";
}

}  // namespace sluice::bench
