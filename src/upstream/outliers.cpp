#include "sluice/upstream/outliers.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace sluice::upstream {
namespace {

constexpr double kSecond = 1e9;
// While no more may go out, how long failures are not even looked at.
constexpr Nanos kFullFor = 100'000'000;

// Whether one more may go: of all `members`, those already out included, at most the share.
bool room_for_one(const OutlierRules& rules, const Members& members, Nanos now) {
  const auto out = std::count_if(members.begin(), members.end(), [&](const Member& member) {
    return member.endpoint->condition().ejected(now);
  });
  return static_cast<double>(out + 1) * 100 <= rules.max_ejected * static_cast<double>(members.size());
}

}  // namespace

void Outliers::report(const OutlierRules& rules, const Members& members, Endpoint& endpoint,
                      std::string_view why, Nanos now) {
  Record& record = endpoint.record();
  if (rules.error_rate > 0) {
    record.add(!why.empty());
    if (now >= window_end_.load(std::memory_order_relaxed)) weigh(rules, members, now);
  }
  if (why.empty()) return record.passed();
  const std::uint32_t in_row = record.failed();
  // One is enough for a server that was just let in again.
  const bool on_probation = endpoint.condition().on_probation(now);
  const bool too_many = rules.consecutive_errors != 0 && in_row >= rules.consecutive_errors;
  if (!too_many && !on_probation) return;
  if (now < no_room_until_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (endpoint.condition().ejected(now)) return;
  if (!room_for_one(rules, members, now)) {
    no_room_until_.store(now + kFullFor, std::memory_order_relaxed);
    return;
  }
  eject(rules, endpoint,
        on_probation ? fmt::format("{}, on probation", why)
                     : fmt::format("{}, {} failures in a row", why, in_row),
        now);
}

// At the end of a window: who fails more often than the pool does on average, by more than the rules allow.
void Outliers::weigh(const OutlierRules& rules, const Members& members, Nanos now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // somebody else does it
  const Nanos end = window_end_.load(std::memory_order_relaxed);
  if (now < end) return;
  window_end_.store(now + rules.interval, std::memory_order_relaxed);
  struct Rate {
    Endpoint* endpoint;
    double percent;
  };
  std::vector<Rate> rates;
  double sum = 0;
  for (const Member& member : members) {
    const Record::Window window = member.endpoint->record().take();
    // Nobody knows when the first window began, or one that nobody ended for long.
    const bool known = end != 0 && now < end + rules.interval;
    if (!known || window.requests < rules.min_requests) continue;
    rates.push_back({member.endpoint.get(), 100.0 * window.failures / window.requests});
    sum += rates.back().percent;
  }
  const double mean = rates.empty() ? 0 : sum / static_cast<double>(rates.size());
  std::sort(rates.begin(), rates.end(), [](const Rate& a, const Rate& b) { return a.percent > b.percent; });
  for (const Rate& rate : rates) {
    if (rate.percent <= mean + rules.error_rate) break;
    if (rate.endpoint->condition().ejected(now)) continue;
    if (!room_for_one(rules, members, now)) break;
    eject(rules, *rate.endpoint,
          fmt::format("{:.1f} % of its requests failed, {:.1f} % in the pool", rate.percent, mean), now);
  }
}

void Outliers::eject(const OutlierRules& rules, Endpoint& endpoint, std::string_view why, Nanos now) {
  const Nanos length = endpoint.condition().eject(now, rules.ejection, rules.ejection_max, std::string(why));
  endpoint.record().forget_row();
  endpoint.told_ejected().tell(observe::LogLevel::warn, now, "pool {}: server {} is ejected for {:.1f} s: {}",
                               endpoint.pool(), endpoint.name(), static_cast<double>(length) / kSecond, why);
}

}  // namespace sluice::upstream
