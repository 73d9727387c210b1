// How much a server can take: the highest rate at which it keeps a stated objective.
#pragma once

#include "loadgen/catalogue.hpp"
#include "loadgen/options.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace sluice::bench {

// What ended the search upwards.
enum class Limit {
  p99,        // the objective: latency
  errors,     // the objective: requests without a good answer
  generator,  // the generator, which could not offer more: the server may be able to take it
  highest,    // the highest rate that was to be tried
  stopped,    // a signal
};
std::string_view name_of(Limit limit);
std::string_view describe(Limit limit);

struct CapacityStep {
  double rate = 0;      // requests per second, offered
  double answered = 0;  // requests per second
  Nanoseconds p50 = 0;
  Nanoseconds p99 = 0;
  double percent_lost = 0;
  double server_cores_used = 0;  // with --server-pid
  double server_us_per_request = 0;
  bool held = false;
  Limit broken_by = Limit::p99;  // when not held
};

struct CapacityResult {
  std::vector<CapacityStep> steps;  // in the order they were tried
  Limit limit = Limit::highest;

  // The step with the highest rate that held. Null: none did.
  const CapacityStep* best() const;
};

// Measures one rate.
using MeasureRate = std::function<CapacityStep(double rate)>;

// Doubles the rate from `first` until a step does not hold, then halves the distance between the best that
// held and the least that did not until they are within 5 %. A step must fail twice in a row to count as
// failed.
CapacityResult search_capacity(double first, double highest, const MeasureRate& measure);

// Runs the load of the options at rising rates. Throws as run_load() does.
CapacityResult run_capacity(const CapacityOptions& options, const Catalogue& catalogue);

}  // namespace sluice::bench
