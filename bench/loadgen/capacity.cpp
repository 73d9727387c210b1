#include "loadgen/capacity.hpp"

#include "loadgen/figures.hpp"
#include "loadgen/load.hpp"
#include "loadgen/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

CapacityStep judge(const CapacityOptions& options, const LoadResult& result) {
  CapacityStep step;
  step.rate = options.rate;
  step.answered = answered_rate(result);
  step.p50 = result.tally.latency.percentile(50);
  step.p99 = result.tally.latency.percentile(99);
  step.percent_lost = percent_lost(result);
  step.server_cores_used = share_of(result.cost.server_cpu, result.cost.elapsed);
  step.server_us_per_request = server_cost_per_request(result);
  const bool lost_too_many = step.percent_lost > options.errors;
  const bool too_slow = step.p99 > options.p99;
  step.held = !lost_too_many && !too_slow;
  step.broken_by = lost_too_many ? Limit::errors : Limit::p99;
  // What broke the objective may be the generator's own doing; what held it, held it in spite of that.
  if (!step.held && !bottlenecks(result).empty()) step.broken_by = Limit::generator;
  if (result.interrupted) {
    step.held = false;
    step.broken_by = Limit::stopped;
  }
  return step;
}

}  // namespace

std::string_view name_of(Limit limit) {
  switch (limit) {
    case Limit::p99: return "p99";
    case Limit::errors: return "errors";
    case Limit::generator: return "generator";
    case Limit::highest: return "highest_rate";
    case Limit::stopped: break;
  }
  return "stopped";
}

std::string_view describe(Limit limit) {
  switch (limit) {
    case Limit::p99: return "p99 breaks the objective";
    case Limit::errors: return "errors break the objective";
    case Limit::generator:
      return "THE GENERATOR WAS THE BOTTLENECK, the server may take more; give it --threads, or another "
             "machine";
    case Limit::highest: return "nothing was tried (--highest-rate)";
    case Limit::stopped: break;
  }
  return "nothing was tried (stopped)";
}

const CapacityStep* CapacityResult::best() const {
  const CapacityStep* best = nullptr;
  for (const auto& step : steps)
    if (step.held && (!best || step.rate > best->rate)) best = &step;
  return best;
}

CapacityResult search_capacity(double first, double highest, const MeasureRate& measure) {
  constexpr double close_enough = 1.05;
  CapacityResult result;
  double good = 0;
  double bad = INFINITY;
  double rate = std::min(first, highest);
  for (;;) {
    result.steps.push_back(measure(rate));
    const bool once_more = !result.steps.back().held && result.steps.back().broken_by != Limit::stopped;
    if (once_more) result.steps.push_back(measure(rate));
    const auto& step = result.steps.back();
    (step.held ? good : bad) = rate;
    if (!step.held) result.limit = step.broken_by;
    if (result.limit == Limit::stopped || (step.held && rate >= highest)) break;
    if (std::isinf(bad))
      rate = std::min(rate * 2, highest);
    else if (good > 0)
      rate = (good + bad) / 2;
    else
      rate = bad / 2;
    if (good > 0 && bad / good <= close_enough) break;
    if (rate < 1) break;
  }
  return result;
}

CapacityResult run_capacity(const CapacityOptions& options, const Catalogue& catalogue) {
  return search_capacity(options.rate, options.highest_rate, [&](double rate) {
    CapacityOptions at_rate = options;
    at_rate.rate = rate;
    if (options.progress) fmt::print(stderr, "{:.0f} requests/s\n", rate);
    return judge(at_rate, run_load(at_rate, catalogue));
  });
}

}  // namespace sluice::bench
