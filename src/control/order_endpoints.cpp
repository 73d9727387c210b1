#include "control/order_endpoints.hpp"

#include "sluice/config/diagnostics_json.hpp"
#include "sluice/control/moment.hpp"

#include "control/answering.hpp"
#include "control/parameters.hpp"
#include "control/tenants.hpp"

#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr double kSecond = 1e9;
constexpr UnixMs kUsualBan = UnixMs{3600} * 1000;

config::Finding error_of(std::string message, std::string hint = {}) {
  config::Finding out = config::finding(config::Severity::error, std::move(message));
  out.hint = std::move(hint);
  return out;
}

Answer refused(unsigned status, config::Finding error) {
  return json_answer(status, {{"errors", config::to_json({std::move(error)})}});
}

// Has it obeyed, and answers with `told` where that went well.
asio::awaitable<Answer> give(Order order, Steering& steering, json::object told) {
  const bool lasts = order.until != 0;
  const auto outcome = co_await steered<OrderOutcome>([&](std::function<void(const OrderOutcome&)> done) {
    steering.give_order(std::move(order), std::move(done));
  });
  if (!outcome.error.empty()) co_return refused(outcome.status, error_of(outcome.error, outcome.hint));
  std::vector<config::Finding> warnings;
  if (lasts) {
    told["reason"] = outcome.reason;
    told["reason_kept"] = outcome.reason_kept;
  }
  for (const std::string& warning : outcome.warnings)
    warnings.push_back(config::finding(config::Severity::warning, warning));
  told["warnings"] = config::to_json(warnings);
  co_return json_answer(200, told);
}

// By `until` or `for`, which mean the same; false: `problem` says why not.
bool take_end(const Parameters& given, UnixMs otherwise, Order& order, std::string& problem) {
  const UnixMs now = unix_now();
  if (given.has("until") && given.has("for")) {
    problem = "\"until\" and \"for\" say the same; one is enough";
    return false;
  }
  if (!given.has("until") && !given.has("for")) {
    if (otherwise == 0) problem = "until when? \"until\" or \"for\" says so";
    order.until = now + otherwise;
    return otherwise != 0;
  }
  const auto end = parse_end(given.get(given.has("until") ? "until" : "for"), now, problem);
  order.until = end.value_or(0);
  return end.has_value();
}

bool take_block(const Parameters& given, Order& order, std::string& problem) {
  const std::string text = given.get("address");
  order.tenant = given.get("tenant");
  if (const auto block = AddressBlock::parse(text)) {
    order.block = *block;
    return true;
  }
  problem =
      text.empty()
          ? "whom? \"address\" says so: an address or a block"
          : fmt::format("\"{}\" is no address and no block; a block is written as 203.0.113.0/24", text);
  return false;
}

json::object ban_json(const limits::Ban& ban, Nanos now) {
  json::object out{
      {"block", ban.block.text()}, {"tenant", ban.tenant}, {"by", ban.by_hand() ? "hand" : "limit"}};
  if (!ban.by_hand()) out["limit"] = ban.limit;
  out["reason"] = ban.reason;
  out["since"] = moment_text(unix_of(ban.since));
  out["until"] = moment_text(unix_of(ban.until));
  out["ends_in_s"] = static_cast<double>(ban.until - now) / kSecond;
  out["refused"] = ban.refused;
  return out;
}

}  // namespace

asio::awaitable<Answer> list_bans(Question question, Steering& steering) {
  const Parameters given(question, {"address"});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  const Nanos now = steady_now();
  const std::string address = given.get("address");
  const auto meant = AddressBlock::parse(address);
  if (!address.empty() && !meant)
    co_return refused(400, error_of(fmt::format("\"{}\" is no address", address)));
  json::array bans;
  for (const limits::Ban& ban : steering.bans().list(now)) {
    if (!meant || ban.block.overlaps(*meant)) bans.push_back(ban_json(ban, now));
  }
  co_return json_answer(200, {{"bans", std::move(bans)}});
}

asio::awaitable<Answer> add_ban(Question question, Steering& steering) {
  const Parameters given(question, {"address", "tenant", "until", "for", "reason", "force"});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  Order order{.verb = Order::Verb::ban};
  std::string problem;
  if (!take_block(given, order, problem) || !take_end(given, kUsualBan, order, problem))
    co_return refused(400, error_of(problem));
  order.reason = given.get("reason");
  order.force = given.is_on("force");
  json::object told{
      {"block", order.block.text()}, {"tenant", order.tenant}, {"until", moment_text(order.until)}};
  co_return co_await give(std::move(order), steering, std::move(told));
}

asio::awaitable<Answer> lift_ban(Question question, Steering& steering) {
  const Parameters given(question, {"address", "tenant"});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  Order order{.verb = Order::Verb::lift};
  std::string problem;
  if (!take_block(given, order, problem)) co_return refused(400, error_of(problem));
  json::object told{{"block", order.block.text()}, {"tenant", order.tenant}, {"lifted", true}};
  co_return co_await give(std::move(order), steering, std::move(told));
}

asio::awaitable<Answer> list_tenants(Question question, Steering& steering) {
  const Parameters given(question, {"match", "held"});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  const TenantChoice choice{given.get("match"), given.is_on("held")};
  const auto runtime = steering.runtime();
  const auto& tenants = runtime->plan->document().tenants;
  co_return json_answer(
      200, {{"tenants", tenants_json(*runtime, choice)}, {"listed", tenants ? tenants->items.size() : 0}});
}

asio::awaitable<Answer> hold_tenant(Question question, Steering& steering) {
  const Parameters given(question, {"until", "for", "reason"});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  Order order{.verb = Order::Verb::hold, .tenant = question.words[0]};
  std::string problem;
  if (!take_end(given, 0, order, problem)) co_return refused(400, error_of(problem));
  order.reason = given.get("reason");
  json::object told{{"tenant", order.tenant}, {"held", true}, {"until", moment_text(order.until)}};
  co_return co_await give(std::move(order), steering, std::move(told));
}

asio::awaitable<Answer> release_tenant(Question question, Steering& steering) {
  const Parameters given(question, {});
  if (!given.problem().empty()) co_return refused(400, error_of(given.problem()));
  Order order{.verb = Order::Verb::release, .tenant = question.words[0]};
  json::object told{{"tenant", order.tenant}, {"held", false}};
  co_return co_await give(std::move(order), steering, std::move(told));
}

}  // namespace sluice::control
