#include "control/pools.hpp"

#include <boost/json.hpp>

namespace sluice::control {
namespace {

namespace json = boost::json;

constexpr double kSecond = 1e9;
constexpr double kMillisecond = 1e6;

std::string_view state_of(const upstream::Condition& condition, Nanos now) {
  if (condition.duty() != upstream::Duty::ready) return upstream::to_string(condition.duty());
  if (!condition.up()) return "down";
  return condition.ejected(now) ? "ejected" : "up";
}

json::object check_json(const upstream::CheckReport& check) {
  json::object out{{"passed", check.passed},
                   {"at_ms", check.at_ms},
                   {"took_ms", static_cast<double>(check.took) / kMillisecond},
                   {"streak", check.streak}};
  if (!check.reason.empty()) out["reason"] = check.reason;
  return out;
}

json::object server_json(const upstream::Member& member, Nanos now) {
  const upstream::Endpoint& endpoint = *member.endpoint;
  const upstream::Condition& condition = endpoint.condition();
  json::object out{{"server", endpoint.name()},
                   {"state", state_of(condition, now)},
                   {"weight", member.weight},
                   {"backup", member.backup},
                   {"active", endpoint.active()}};
  if (!endpoint.host().empty()) out["host"] = endpoint.host();
  if (member.most_active != 0) out["max_connections"] = member.most_active;
  if (const auto check = condition.last_check(); check.at_ms != 0) out["check"] = check_json(check);
  if (const auto ejections = condition.ejections(); ejections.count != 0) {
    json::object told{{"count", ejections.count}, {"reason", ejections.reason}};
    if (condition.ejected(now)) {
      told["ends_in_s"] = static_cast<double>(condition.ejected_until() - now) / kSecond;
    }
    out["ejections"] = std::move(told);
  }
  return out;
}

}  // namespace

json::array pools_json(const proxy::Runtime& runtime) {
  const Nanos now = steady_now();
  json::array out;
  for (const auto& group : runtime.groups) {
    json::array servers;
    for (const upstream::Member& member : group->members())
      servers.push_back(server_json(member, now));
    out.push_back(json::object{{"pool", group->state()->name()},
                               {"panic", group->state()->panic()},
                               {"queued", group->state()->queue().depth()},
                               {"servers", std::move(servers)}});
  }
  return out;
}

std::vector<observe::PoolSample> pool_samples(const proxy::Runtime& runtime) {
  std::vector<observe::PoolSample> out;
  for (const auto& group : runtime.groups) {
    upstream::PoolState& state = *group->state();
    observe::PoolSample& sample = out.emplace_back();
    sample.pool = state.name();
    sample.queued = state.queue().depth();
    sample.panic = state.panic();
    for (std::size_t at = 0; at < upstream::kRetryReasons; ++at) {
      const auto reason = static_cast<upstream::RetryReason>(at);
      sample.retries.emplace_back(upstream::to_string(reason), state.retries(reason));
    }
  }
  return out;
}

std::vector<observe::ServerSample> server_samples(const proxy::Runtime& runtime) {
  const Nanos now = steady_now();
  std::vector<observe::ServerSample> out;
  for (const auto& group : runtime.groups) {
    for (const upstream::Member& member : group->members()) {
      const upstream::Endpoint& endpoint = *member.endpoint;
      out.push_back({endpoint.pool(), endpoint.name(), endpoint.condition().takes(now, false),
                     endpoint.active(), endpoint.condition().ejections().count});
    }
  }
  return out;
}

}  // namespace sluice::control
