#include "control/admin_endpoints.hpp"

#include "sluice/base/text.hpp"
#include "sluice/config/diagnostics_json.hpp"
#include "sluice/observe/metrics.hpp"

#include "control/answering.hpp"
#include "control/order_endpoints.hpp"
#include "control/pools.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include <boost/json.hpp>

namespace sluice::control {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

asio::awaitable<Answer> health(Question /*question*/, Steering& /*steering*/) {
  co_return Answer{.body = "ok\n"};
}

asio::awaitable<Answer> readiness(Question /*question*/, Steering& steering) {
  if (steering.draining()) co_return Answer{.status = 503, .body = "draining\n"};
  co_return Answer{.body = "ready\n"};
}

asio::awaitable<Answer> metrics(Question /*question*/, Steering& steering) {
  const auto runtime = steering.runtime();
  co_return Answer{200, observe::kMetricsType,
                   observe::metrics_text({steering.totals(), pool_samples(*runtime), server_samples(*runtime),
                                          steering.offload(), steering.ledger(), steering.limits(),
                                          steering.orders(), steering.store()})};
}

asio::awaitable<Answer> pools(Question /*question*/, Steering& steering) {
  co_return json_answer(200, {{"pools", pools_json(*steering.runtime())}});
}

asio::awaitable<Answer> reload(Question question, Steering& steering) {
  const auto outcome = co_await steered<Outcome>([&](std::function<void(const Outcome&)> done) {
    steering.reload(std::move(done), query_value(question.query, "file"));
  });
  co_return json_answer(outcome.applied ? 200 : 422, {{"result", outcome.applied ? "applied" : "refused"},
                                                      {"generation", outcome.generation},
                                                      {"file", outcome.file},
                                                      {"errors", config::to_json(outcome.errors)},
                                                      {"warnings", config::to_json(outcome.warnings)}});
}

// Of a server: the words are its pool and its name.
template <upstream::Duty kDuty>
asio::awaitable<Answer> set_duty(Question question, Steering& steering) {
  const Words& words = question.words;
  const auto outcome = co_await steered<DutyOutcome>([&](std::function<void(const DutyOutcome&)> done) {
    steering.set_duty(words[0], words[1], kDuty, std::move(done));
  });
  json::object told{{"pool", words[0]}, {"server", words[1]}};
  if (!outcome.error.empty()) {
    config::Finding error = config::finding(config::Severity::error, outcome.error);
    error.hint = outcome.hint;
    told["errors"] = config::to_json({error});
    co_return json_answer(404, told);
  }
  told["state"] = upstream::to_string(kDuty);
  co_return json_answer(200, told);
}

// The first two stay open: a balancer or a container's supervisor asks by whatever name it has.
constexpr std::array kEndpoints{
    Endpoint{Use::read, Access::open, "/healthz", &health},
    Endpoint{Use::read, Access::open, "/readyz", &readiness},
    Endpoint{Use::read, Access::guarded, "/metrics", &metrics},
    Endpoint{Use::read, Access::guarded, "/api/pools", &pools},
    Endpoint{Use::change, Access::guarded, "/api/pools/*/servers/*/ready", &set_duty<upstream::Duty::ready>},
    Endpoint{Use::change, Access::guarded, "/api/pools/*/servers/*/drain", &set_duty<upstream::Duty::drain>},
    Endpoint{Use::change, Access::guarded, "/api/pools/*/servers/*/maintenance",
             &set_duty<upstream::Duty::maintenance>},
    Endpoint{Use::read, Access::guarded, "/api/bans", &list_bans},
    Endpoint{Use::change, Access::guarded, "/api/bans", &add_ban},
    Endpoint{Use::change, Access::guarded, "/api/bans/lift", &lift_ban},
    Endpoint{Use::read, Access::guarded, "/api/tenants", &list_tenants},
    Endpoint{Use::change, Access::guarded, "/api/tenants/*/hold", &hold_tenant},
    Endpoint{Use::change, Access::guarded, "/api/tenants/*/release", &release_tenant},
    Endpoint{Use::change, Access::guarded, "/api/config/reload", &reload}};

bool asks(std::string_view method, Use use) {
  return use == Use::change ? method == "POST" : method == "GET" || method == "HEAD";
}

bool add_word(std::string_view raw, Words& words) {
  auto word = percent_decoded(raw);
  if (!word || word->empty()) return false;
  words.push_back(std::move(*word));
  return true;
}

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

bool matches(std::string_view pattern, std::string_view path, Words& words) {
  words.clear();
  std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == path;
  if (!path.starts_with(pattern.substr(0, star))) return false;
  path.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  while ((star = pattern.find('*')) != std::string_view::npos) {
    const std::string_view between = pattern.substr(0, star);
    const std::size_t at = path.find(between);
    if (at == std::string_view::npos || !add_word(path.substr(0, at), words)) return false;
    path.remove_prefix(at + between.size());
    pattern.remove_prefix(star + 1);
  }
  return path.ends_with(pattern) && add_word(path.substr(0, path.size() - pattern.size()), words);
}

std::string query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != key) continue;
    return percent_decoded(pair.substr(equals + 1)).value_or("");
  }
  return {};
}

Found find_endpoint(std::string_view method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  Found out;
  out.otherwise = {.status = 404, .body = "no such page\n"};
  if (path.size() < target.size()) out.question.query = target.substr(path.size() + 1);
  for (const Endpoint& endpoint : kEndpoints) {
    if (!matches(endpoint.path, path, out.question.words)) continue;
    if (asks(method, endpoint.use)) {
      out.endpoint = &endpoint;
      return out;
    }
    const bool both = out.otherwise.status == 405;
    const bool change = endpoint.use == Use::change;
    out.otherwise = {.status = 405,
                     .body = both     ? "use GET or POST\n"
                             : change ? "use POST\n"
                                      : "use GET\n",
                     .allow = both     ? "GET, HEAD, POST"
                              : change ? "POST"
                                       : "GET, HEAD"};
  }
  return out;
}

}  // namespace sluice::control
