#include "control/tenants.hpp"

#include "sluice/config/load.hpp"
#include "sluice/control/moment.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <map>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace json = boost::json;

constexpr double kSecond = 1e9;
constexpr std::size_t kLongestLabel = 63;

using Listed = std::map<std::string_view, const config::Tenant*>;

Listed listed_in(const config::Document& document) {
  Listed out;
  if (!document.tenants) return out;
  for (const config::Tenant& tenant : document.tenants->items)
    out.emplace(tenant.name, &tenant);
  return out;
}

bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= kLongestLabel &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

json::object hold_json(const limits::Hold& hold, Nanos now) {
  return {{"until", moment_text(unix_of(hold.until))},
          {"ends_in_s", static_cast<double>(hold.until - now) / kSecond},
          {"reason", hold.reason}};
}

// What follows the name in the host of `from_host`; empty without one.
std::string_view suffix_of(const config::Document& document) {
  const bool has = document.tenants && document.tenants->from_host;
  const std::string_view pattern = has ? document.tenants->from_host->value : std::string_view();
  return pattern.substr(std::min(pattern.find('.'), pattern.size()));
}

std::size_t count_hosts(std::string_view name, const config::Tenant* tenant, std::string_view suffix) {
  const std::string from_host = suffix.empty() ? std::string() : fmt::format("{}{}", name, suffix);
  std::size_t count = from_host.empty() ? 0 : 1;
  if (tenant == nullptr) return count;
  for (const auto& host : tenant->hosts)
    count += host.value != from_host ? 1 : 0;
  return count;
}

// `tenant` may be nullptr: it is known by its host alone, or not any more.
json::object tenant_json(std::string_view name, const config::Tenant* tenant,
                         const config::Document& document) {
  const std::string_view suffix = suffix_of(document);
  const bool known = tenant != nullptr || (!suffix.empty() && is_label(name));
  json::object out{{"tenant", name}, {"configured", known}};
  out["hosts"] = known ? count_hosts(name, tenant, suffix) : 0;
  out["limits"] = json::array();
  if (!known) return out;
  const config::TenantDefaults& defaults = document.tenants->defaults;
  const auto& pool = tenant != nullptr && tenant->pool ? tenant->pool : defaults.pool;
  if (pool) out["pool"] = pool->value;
  json::array limits;
  const bool own = tenant != nullptr && tenant->limits;
  for (const config::LimitUse& use : own ? *tenant->limits : defaults.limits)
    limits.emplace_back(use.name.value);
  out["limits"] = std::move(limits);
  return out;
}

// Whose host that is; empty: nobody's.
std::string owner_of(const plan::Plan& plan, std::string_view host) {
  const std::string asked = config::canonical_host(host.substr(0, host.find(':')));
  return asked.empty() ? std::string() : std::string(plan.routes().find(asked, "/", "GET").tenant);
}

}  // namespace

bool know_tenant(const plan::Plan& plan, const std::string& name, OrderOutcome& outcome) {
  const config::Document& document = plan.document();
  const Listed listed = listed_in(document);
  if (listed.contains(name)) return true;
  std::vector<std::string_view> known;
  for (const auto& [tenant, item] : listed)
    known.push_back(tenant);
  const std::string_view nearest = config::nearest(name, known);
  const std::string hint =
      nearest.empty() ? "see: sluice tenant list --all" : fmt::format("did you mean \"{}\"?", nearest);
  if (document.tenants && document.tenants->from_host && is_label(name)) {
    if (!listed.empty())
      outcome.warnings.push_back(fmt::format("tenant \"{}\" is not listed; requests for its host are meant{}",
                                             name, nearest.empty() ? "" : "; " + hint));
    return true;
  }
  outcome.status = 404;
  outcome.error = fmt::format("there is no tenant \"{}\"", name);
  outcome.hint = listed.empty() ? "there are no tenants" : hint;
  if (const std::string owner = owner_of(plan, name); !owner.empty())
    outcome.hint = fmt::format("it is a host of tenant \"{}\"", owner);
  return false;
}

json::array tenants_json(const proxy::Runtime& runtime, const TenantChoice& choice) {
  const config::Document& document = runtime.plan->document();
  static const limits::Holds kNone;
  const limits::Holds& holds = runtime.holds != nullptr ? *runtime.holds : kNone;
  const Nanos now = steady_now();
  Listed listed = listed_in(document);
  for (const auto& [name, hold] : holds)
    listed.emplace(name, nullptr);
  json::array out;
  for (const auto& [name, tenant] : listed) {
    const auto held = holds.find(name);
    const bool on_hold = held != holds.end() && held->second.until > now;
    if (choice.held && !on_hold) continue;
    if (!choice.pattern.empty() && ::fnmatch(choice.pattern.c_str(), std::string(name).c_str(), 0) != 0)
      continue;
    json::object told = tenant_json(name, tenant, document);
    told["held"] = on_hold;
    if (on_hold) told["hold"] = hold_json(held->second, now);
    out.push_back(std::move(told));
  }
  return out;
}

}  // namespace sluice::control
