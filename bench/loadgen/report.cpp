#include "loadgen/report.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::bench {
namespace {

namespace json = boost::json;

double milliseconds(Nanoseconds time) { return static_cast<double>(time) / 1e6; }
double microseconds(double nanoseconds) { return nanoseconds / 1e3; }
double seconds(Nanoseconds time) { return static_cast<double>(time) / 1e9; }
double share(Nanoseconds part, Nanoseconds whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Failures by name, those that occurred.
std::vector<std::pair<std::string, std::uint64_t>> failures_of(const Tally& tally) {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  for (std::size_t kind = 0; kind < tally.failures.size(); ++kind)
    if (tally.failures[kind] > 0)
      found.emplace_back(name_of(static_cast<Failure>(kind)), tally.failures[kind]);
  for (std::size_t status_class = 4; status_class < tally.statuses.size(); ++status_class)
    if (tally.statuses[status_class] > 0)
      found.emplace_back(fmt::format("status_{}xx", status_class), tally.statuses[status_class]);
  return found;
}

// Reasons not to believe that what was measured is the server. Empty: none.
std::vector<std::string> bottlenecks(const LoadResult& result) {
  std::vector<std::string> reasons;
  if (result.measured.sent == 0) return reasons;
  const double busy = share(result.own.cpu, result.own.at);
  if (busy > 0.9) reasons.push_back(fmt::format("it used {:.0f} % of its processor", busy * 100));
  const Nanoseconds lag = result.lag.percentile(99);
  if (lag > per_millisecond) {
    const double waiting = share(result.own.waiting, result.own.at);
    reasons.push_back(fmt::format(
        "it started requests up to {:.1f} ms late (p99), waiting for a processor {:.0f} % of the time",
        milliseconds(lag), waiting * 100));
  }
  return reasons;
}

double own_microseconds_per_request(const LoadResult& result) {
  const auto sent = result.measured.sent;
  return sent == 0 ? 0 : microseconds(static_cast<double>(result.own.cpu)) / static_cast<double>(sent);
}

double answered_rate(const LoadResult& result) {
  return result.own.at == 0 ? 0 : static_cast<double>(result.latency.count()) / seconds(result.own.at);
}

std::string histogram_text(const Histogram& histogram) {
  const auto at = [&](double percent) { return milliseconds(histogram.percentile(percent)); };
  return fmt::format("p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}  mean {:.3f} ms", at(50),
                     at(90), at(99), at(99.9), milliseconds(histogram.most()), histogram.mean() / 1e6);
}

json::object histogram_json(const Histogram& histogram) {
  const auto at = [&](double percent) {
    return microseconds(static_cast<double>(histogram.percentile(percent)));
  };
  return {{"count", histogram.count()},
          {"min", microseconds(static_cast<double>(histogram.least()))},
          {"mean", microseconds(histogram.mean())},
          {"p50", at(50)},
          {"p75", at(75)},
          {"p90", at(90)},
          {"p99", at(99)},
          {"p99.9", at(99.9)},
          {"p99.99", at(99.99)},
          {"max", microseconds(static_cast<double>(histogram.most()))}};
}

}  // namespace

std::string load_text(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.measured;
  std::string text =
      fmt::format("{}://{}{}: {} requests/s for {:g} s over {} connections, after {:g} s of warm-up{}\n",
                  options.url.tls ? "https" : "http", options.url.authority, options.url.target, options.rate,
                  seconds(options.duration), options.connections, seconds(options.warmup),
                  result.interrupted ? " (interrupted)" : "");
  text += fmt::format("requests   {} scheduled = {} sent + {} unsent\n", tally.scheduled(), tally.sent,
                      tally.unsent);
  text += fmt::format(
      "answers    {} ok, {} failed, {} unanswered; {:.1f}/s, {:.2f} MiB/s\n", tally.ok, tally.failed(),
      tally.unanswered, answered_rate(result),
      result.own.at == 0 ? 0 : static_cast<double>(result.bytes_received) / 1048576 / seconds(result.own.at));
  std::vector<std::string> failures;
  for (const auto& [name, count] : failures_of(tally))
    failures.push_back(fmt::format("{} {}", count, name));
  if (!failures.empty()) text += fmt::format("failures   {}\n", fmt::join(failures, ", "));
  if (result.warmup_lost > 0)
    text += fmt::format("warm-up    {} of {} lost\n", result.warmup_lost, result.warmup_sent);
  text += fmt::format("latency    {}  (from when they were due)\n", histogram_text(result.latency));
  text += fmt::format("service    {}  (from when they were sent)\n", histogram_text(result.service));
  text += fmt::format("sockets    {} opened, {} closed by the server between requests\n",
                      result.connections_opened, result.connections_lost);
  text += fmt::format(
      "generator  {:.1f} us of processor per request, {:.0f} % busy, start lag p50 {:.3f} p99 {:.3f} ms\n",
      own_microseconds_per_request(result), share(result.own.cpu, result.own.at) * 100,
      milliseconds(result.lag.percentile(50)), milliseconds(result.lag.percentile(99)));
  const auto reasons = bottlenecks(result);
  if (!reasons.empty())
    text += fmt::format("           THE GENERATOR WAS THE BOTTLENECK: {}\n", fmt::join(reasons, "; "));
  return text;
}

std::string load_json(const LoadOptions& options, const LoadResult& result) {
  const auto& tally = result.measured;
  json::object failures;
  for (const auto& [name, count] : failures_of(tally))
    failures[name] = count;
  json::object statuses;
  for (std::size_t status_class = 1; status_class < tally.statuses.size(); ++status_class)
    if (tally.statuses[status_class] > 0)
      statuses[fmt::format("{}xx", status_class)] = tally.statuses[status_class];
  json::array reasons;
  for (const auto& reason : bottlenecks(result))
    reasons.push_back(json::string(reason));
  const json::object report{
      {"rate", options.rate},
      {"connections", options.connections},
      {"seconds", seconds(result.own.at)},
      {"interrupted", result.interrupted},
      {"requests",
       {{"scheduled", tally.scheduled()},
        {"sent", tally.sent},
        {"ok", tally.ok},
        {"failed", tally.failed()},
        {"unanswered", tally.unanswered},
        {"unsent", tally.unsent}}},
      {"answered_per_second", answered_rate(result)},
      {"bytes_received", result.bytes_received},
      {"failures", failures},
      {"statuses", statuses},
      {"warmup", {{"sent", result.warmup_sent}, {"lost", result.warmup_lost}}},
      {"latency_us", histogram_json(result.latency)},
      {"service_us", histogram_json(result.service)},
      {"sockets", {{"opened", result.connections_opened}, {"closed_by_server", result.connections_lost}}},
      {"generator",
       {{"cpu_seconds", seconds(result.own.cpu)},
        {"cpu_us_per_request", own_microseconds_per_request(result)},
        {"busy", share(result.own.cpu, result.own.at)},
        {"waiting", share(result.own.waiting, result.own.at)},
        {"lag_us", histogram_json(result.lag)},
        {"bottleneck", !reasons.empty()},
        {"reasons", reasons}}},
  };
  return json::serialize(report) + "\n";
}

std::string idle_text(const IdleResult& result) {
  return fmt::format(
      "{} connections asked for, {} not opened, {} first requests failed\n"
      "{} held, {} closed by the server meanwhile; last requests: {} ok, {} failed\n",
      result.asked, result.not_opened, result.first_failed, result.held, result.lost, result.last_ok,
      result.last_failed);
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
