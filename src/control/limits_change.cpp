#include "control/limits_change.hpp"

#include "sluice/control/steering.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace sluice::control {
namespace {

bool same_part(const config::KeyPart& one, const config::KeyPart& other) {
  return one.of == other.of && one.name == other.name;
}

bool counts_the_same(const config::Limit& before, const config::Limit& after) {
  return before.kind == after.kind && before.v4_prefix == after.v4_prefix &&
         before.v6_prefix == after.v6_prefix &&
         std::equal(before.key.begin(), before.key.end(), after.key.begin(), after.key.end(), same_part);
}

limits::Terms terms_of(const config::Limit& limit) {
  return limits::Terms::of(limit.rate.count, nanos(limit.rate.period), limit.burst);
}

template <class Named>
std::unordered_map<std::string_view, const Named*> by_name(const std::vector<Named>& all) {
  std::unordered_map<std::string_view, const Named*> out;
  for (const Named& one : all)
    out.emplace(one.name, &one);
  return out;
}

void compare(const std::vector<config::Limit>& before, const std::vector<config::Limit>& after,
             limits::Ledger::Changes& out) {
  const auto now = by_name(after);
  for (const config::Limit& limit : before) {
    const auto at = now.find(limit.name);
    if (at == now.end() || !counts_the_same(limit, *at->second)) {
      out.limits_gone.insert(limits::tag_of(limit.name));
    } else if (limit.kind != config::LimitKind::concurrency && terms_of(limit) != terms_of(*at->second)) {
      out.limits.emplace(limits::tag_of(limit.name), terms_of(*at->second));
    }
  }
}

}  // namespace

limits::Ledger::Changes limits_change(const config::Document& before, const config::Document& after) {
  limits::Ledger::Changes out;
  compare(before.limits, after.limits, out);
  if (!before.tenants) return out;
  std::unordered_map<std::string_view, const config::Tenant*> now;
  if (after.tenants) now = by_name(after.tenants->items);
  for (const config::Tenant& tenant : before.tenants->items) {
    if (!now.contains(tenant.name)) out.tenants_gone.insert(limits::tag_of(tenant.name));
  }
  return out;
}

// Behind the workers: a bucket that they take from by the new terms is as it should be, whoever comes first.
void Steering::change_limits(const proxy::Runtime* before) {
  const config::Document& document = runtime_->plan->document();
  limits_.ledger.set_most(document.max.limit_keys);
  limits_.shared.set_most(document.max.limit_keys);
  if (before == nullptr || &before->plan->document() == &document) return;
  const auto changes = limits_change(before->plan->document(), document);
  if (!changes.empty()) limits_.ledger.change(changes, steady_now());
}

void Steering::sweep_limits() {
  later([this] { limits_.ledger.sweep(steady_now()); });
}

observe::LedgerSample Steering::ledger() const {
  const limits::Shared& shared = limits_.shared;
  return {limits_.ledger.size() + shared.size(), limits_.ledger.evicted() + shared.evicted(),
          limits_.ledger.memory() + shared.memory()};
}

std::vector<observe::LimitSample> Steering::limits() const {
  std::vector<observe::LimitSample> out;
  for (const limits::Tally::Row& row : limits_.tally.rows())
    out.push_back({row.limit, row.tenant, row.rejected, row.reported});
  return out;
}

}  // namespace sluice::control
