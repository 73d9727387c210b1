#include "loadgen/tally.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace sluice::bench {
namespace {

template <std::size_t Size>
void add(std::array<std::uint64_t, Size>& sums, const std::array<std::uint64_t, Size>& more) {
  std::transform(sums.begin(), sums.end(), more.begin(), sums.begin(), std::plus<>());
}

}  // namespace

std::uint64_t Requests::failed() const {
  const auto so_far = std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
  return std::accumulate(bad_statuses.begin(), bad_statuses.end(), so_far);
}

void Requests::merge(const Requests& other) {
  sent += other.sent;
  ok += other.ok;
  unanswered += other.unanswered;
  unsent += other.unsent;
  waited += other.waited;
  as_logged += other.as_logged;
  not_as_logged += other.not_as_logged;
  add(failures, other.failures);
  add(statuses, other.statuses);
  add(bad_statuses, other.bad_statuses);
}

void Tally::merge(const Tally& other) {
  measured.merge(other.measured);
  warmup_sent += other.warmup_sent;
  warmup_lost += other.warmup_lost;
  latency.merge(other.latency);
  service.merge(other.service);
  lag.merge(other.lag);
  connections_opened += other.connections_opened;
  connections_lost += other.connections_lost;
  handshakes_full += other.handshakes_full;
  handshakes_resumed += other.handshakes_resumed;
}

}  // namespace sluice::bench
