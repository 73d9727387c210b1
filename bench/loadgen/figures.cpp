#include "loadgen/figures.hpp"

#include <fmt/format.h>

namespace sluice::bench {
namespace {

double per_request(Nanoseconds cost, const LoadResult& result) {
  const auto sent = result.tally.measured.sent;
  return sent == 0 ? 0 : microseconds(cost) / static_cast<double>(sent);
}

}  // namespace

std::vector<std::pair<std::string, std::uint64_t>> failures_of(const Requests& requests) {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  for (std::size_t kind = 0; kind < requests.failures.size(); ++kind)
    if (requests.failures[kind] > 0)
      found.emplace_back(name_of(static_cast<Failure>(kind)), requests.failures[kind]);
  for (std::size_t status_class = 4; status_class < status_classes; ++status_class)
    if (requests.bad_statuses[status_class] > 0)
      found.emplace_back(fmt::format("status_{}xx", status_class), requests.bad_statuses[status_class]);
  return found;
}

double own_cost_per_request(const LoadResult& result) { return per_request(result.cost.cpu, result); }

double server_cost_per_request(const LoadResult& result) {
  return per_request(result.cost.server_cpu, result);
}

double answered_rate(const LoadResult& result) {
  return result.cost.elapsed == 0
             ? 0
             : static_cast<double>(result.tally.latency.count()) / seconds(result.cost.elapsed);
}

double percent_lost(const LoadResult& result) {
  const auto& requests = result.tally.measured;
  if (requests.scheduled() == 0) return 0;
  return 100 * static_cast<double>(requests.scheduled() - requests.ok) /
         static_cast<double>(requests.scheduled());
}

}  // namespace sluice::bench
