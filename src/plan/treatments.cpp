#include "plan/treatments.hpp"

#include "plan/nearest.hpp"
#include "plan/time_limits.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

config::Timeouts over(const config::Timeouts& first, const config::Timeouts& then) {
  config::Timeouts out;
  out.body = first_of({first.body, then.body});
  out.connect = first_of({first.connect, then.connect});
  out.first_byte = first_of({first.first_byte, then.first_byte});
  return out;
}

// A limit that both name counts once, where the tenant has it, at the route's cost.
std::vector<Wishes::Use> add(std::vector<Wishes::Use> tenant, const std::vector<Wishes::Use>& route) {
  for (const Wishes::Use& use : route) {
    const auto same = std::find_if(tenant.begin(), tenant.end(),
                                   [&](const Wishes::Use& other) { return other.limit == use.limit; });
    if (same != tenant.end()) {
      same->cost = use.cost;
    } else {
      tenant.push_back(use);
    }
  }
  return tenant;
}

}  // namespace

Treatments::Treatments(const config::Document& document, TreatmentStore& store,
                       config::Diagnostics& diagnostics)
    : doc_(document), store_(store), diagnostics_(diagnostics) {
  for (const config::Limit& limit : doc_.limits) {
    by_name_.emplace(limit.name, static_cast<std::uint32_t>(limits_.size()));
    limits_.push_back(policy::make_limit(limit, doc_.limit_store.has_value()));
  }
  class_of({});
}

std::optional<std::uint32_t> Treatments::find(const config::LimitUse& use, const std::string& path) {
  const std::string& name = use.name.value;
  if (name.empty()) return std::nullopt;  // the reader has said why
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  if (diagnostics_.doubtful("limits") || diagnostics_.doubtful("limits." + name)) return std::nullopt;
  diagnostics_.add(
      use.name.at, path,
      fmt::format("there is no limit \"{}\"{}", name, nearest_of(name, doc_.limits, diagnostics_)));
  return std::nullopt;
}

std::uint32_t Treatments::cost_of(const config::LimitUse& use, const config::Limit& limit,
                                  const std::string& path) {
  if (use.cost == 0) return limit.cost;
  if (diagnostics_.doubtful_within("limits." + limit.name)) return use.cost;
  if (limit.kind != config::LimitKind::rate) {
    diagnostics_.add(
        use.name.at, path,
        fmt::format("limit \"{}\" has no \"rate\" to take a \"cost\" from; leave the cost out", limit.name));
  } else if (use.cost > limit.burst) {
    diagnostics_.add(use.name.at, path,
                     fmt::format("a request would cost {}, and limit \"{}\" never lets more than {} come at "
                                 "once; raise its \"burst\"",
                                 use.cost, limit.name, limit.burst));
  }
  return use.cost;
}

std::vector<Wishes::Use> Treatments::uses(const std::vector<config::LimitUse>& from,
                                          const std::string& path) {
  std::vector<Wishes::Use> out;
  out.reserve(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::string place = fmt::format("{}.limits[{}]", path, i);
    if (const auto limit = find(from[i], place))
      out.push_back({*limit, cost_of(from[i], doc_.limits[*limit], place)});
  }
  return out;
}

Wishes Treatments::of_route(const config::Route& route, const std::string& path) {
  return {uses(route.limits, path), route.max_body, over(route.timeouts, {})};
}

Wishes Treatments::of_defaults(const config::TenantDefaults& defaults) {
  return {uses(defaults.limits, "tenants.defaults"), defaults.max_body, over(defaults.timeouts, {})};
}

Wishes Treatments::of_tenant(const config::Tenant& tenant, const Wishes& defaults, const std::string& path) {
  return {tenant.limits ? uses(*tenant.limits, path) : defaults.limits,
          first_of({tenant.max_body, defaults.max_body}), over(tenant.timeouts, defaults.timeouts)};
}

std::uint32_t Treatments::class_of(Wishes tenant) {
  const auto next = static_cast<std::uint32_t>(classes_.size());
  const auto [known, fresh] = class_index_.emplace(std::move(tenant), next);
  if (fresh) classes_.push_back(known->first);
  return known->second;
}

std::shared_ptr<const policy::Chain> Treatments::chain(const ChainKey& key) {
  const auto [known, fresh] = chains_.try_emplace(key);
  if (!fresh) return known->second;
  known->second = policy::compile(settings(key));
  return known->second;
}

Treatments::ChainKey Treatments::together(const Wishes& route, const Wishes& tenant) {
  return {add(tenant.limits, route.limits), first_of({route.max_body, tenant.max_body})};
}

policy::Settings Treatments::settings(const ChainKey& key) const {
  policy::Settings out;
  out.max_body = key.second;
  for (const Wishes::Use& use : key.first)
    out.limits.push_back({limits_[use.limit], use.cost});
  return out;
}

policy::Settings Treatments::settings(const Wishes& route, const Wishes& tenant) const {
  return settings(together(route, tenant));
}

const Treatment* Treatments::treat(std::uint32_t pool, const Wishes& route, const Wishes& tenant) {
  auto policies = chain(together(route, tenant));
  const config::Timeouts timeouts = over(route.timeouts, tenant.timeouts);
  const auto [known, fresh] = treatments_.try_emplace({pool, timeouts, policies.get()});
  if (fresh) {
    Forward forward;
    forward.pool = pool;
    if (pool < doc_.pools.size()) forward.limits = upstream_limits(doc_, doc_.pools[pool].timeouts, timeouts);
    known->second = &store_.treatments.emplace_back(Treatment{forward, std::move(policies)});
  }
  return known->second;
}

Treated Treatments::keep(Row row) {
  const bool same = std::all_of(row.begin(), row.end(), [&](const Treatment* one) { return one == row[0]; });
  if (same) row.resize(1);
  row.shrink_to_fit();
  return store_.rows.emplace_back(std::move(row));
}

Treated Treatments::for_all(std::uint32_t pool, const Wishes& route) {
  const auto [known, fresh] = rows_.try_emplace({pool, route});
  if (!fresh) return known->second;
  Row row;
  row.reserve(classes_.size());
  for (const Wishes& tenant : classes_)
    row.push_back(treat(pool, route, tenant));
  known->second = keep(std::move(row));
  return known->second;
}

Treated Treatments::for_one(std::uint32_t pool, const Wishes& route, std::uint32_t tenants) {
  return keep({treat(pool, route, classes_[tenants])});
}

}  // namespace sluice::plan
