#include "control/pools.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>

#include <boost/json.hpp>

namespace sluice::control {
namespace {

namespace json = boost::json;

constexpr double kSecond = 1e9;
constexpr double kMillisecond = 1e6;

std::int64_t unix_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string in_words(const Error& error) {
  std::string out(error.cause != 0 ? std::strerror(error.cause) : to_string(error.kind));
  std::replace(out.begin(), out.end(), '_', ' ');
  out.front() = to_lower(out.front());
  return out;
}

// How a server is, and what is known of why.
struct Status {
  std::string_view state;
  upstream::CheckReport check;
  std::optional<upstream::Endpoint::Unreachable> unreachable;  // and no check has passed since
};

Status status_of(const upstream::Endpoint& endpoint, Nanos now) {
  const upstream::Condition& condition = endpoint.condition();
  Status out{"up", condition.last_check(), endpoint.unreachable()};
  const bool checked = out.check.at_ms != 0;
  if (out.unreachable) {
    const auto failed_at_ms = unix_ms() - (now - out.unreachable->at) / static_cast<Nanos>(kMillisecond);
    if (checked && out.check.passed && out.check.at_ms > failed_at_ms) out.unreachable.reset();
  }
  if (condition.duty() != upstream::Duty::ready) {
    out.state = upstream::to_string(condition.duty());
  } else if (condition.up() && condition.ejected(now)) {
    out.state = "ejected";
  } else if (!condition.up() || out.unreachable) {
    out.state = "down";
  } else if (!checked && !endpoint.has_answered()) {
    out.state = "unchecked";
  }
  return out;
}

json::object check_json(const upstream::CheckReport& check) {
  json::object out{{"passed", check.passed},
                   {"at_ms", check.at_ms},
                   {"took_ms", static_cast<double>(check.took) / kMillisecond},
                   {"streak", check.streak}};
  if (!check.reason.empty()) out["reason"] = check.reason;
  return out;
}

json::object ejections_json(const upstream::Condition& condition, const upstream::EjectionReport& ejections,
                            Nanos now) {
  json::object out{{"count", ejections.count}, {"reason", ejections.reason}};
  if (condition.ejected(now)) {
    out["ends_in_s"] = static_cast<double>(condition.ejected_until() - now) / kSecond;
  }
  return out;
}

json::object server_json(const upstream::Member& member, Nanos now) {
  const upstream::Endpoint& endpoint = *member.endpoint;
  const Status status = status_of(endpoint, now);
  json::object out{{"server", endpoint.name()},
                   {"state", status.state},
                   {"weight", member.weight},
                   {"backup", member.backup},
                   {"active", endpoint.active()}};
  if (!endpoint.host().empty()) out["host"] = endpoint.host();
  if (member.most_active != 0) out["max_connections"] = member.most_active;
  if (status.check.at_ms != 0) out["check"] = check_json(status.check);
  if (status.unreachable) {
    const double ago = static_cast<double>(std::max<Nanos>(now - status.unreachable->at, 0)) / kSecond;
    out["unreachable"] = json::object{{"reason", in_words(status.unreachable->why)}, {"ago_s", ago}};
  }
  const upstream::EjectionReport ejections = endpoint.condition().ejections();
  if (ejections.count != 0) out["ejections"] = ejections_json(endpoint.condition(), ejections, now);
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
