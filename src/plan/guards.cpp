#include "sluice/plan/guards.hpp"

#include "plan/treatments.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

constexpr std::size_t kMostNames = 3;

// Tenants that have set the same.
struct Kin {
  std::uint32_t its_class = 0;
  std::size_t count = 0;           // of those that are listed
  std::vector<std::string> names;  // of the first ones
  bool others = false;             // those that are not listed, too
  bool nobody = false;             // requests without a tenant
};

std::string text_of(const Kin& kin, bool with_tenants) {
  if (kin.nobody) return with_tenants ? "requests without a tenant" : "all requests";
  std::string out = kin.count == 1 ? "tenant " : "tenants ";
  if (kin.count > kMostNames) out = fmt::format("{} tenants such as ", kin.count);
  out += fmt::format("{}", fmt::join(kin.names, ", "));
  if (!kin.others) return out;
  return kin.count == 0 ? "any other tenant" : out + " and any other";
}

// Who may come to a route.
struct Reach {
  std::vector<std::size_t> items;  // of tenants.items
  bool others = false;             // tenants that are not listed
  bool nobody = false;             // requests without a tenant
};

// Whether there are hosts that both stand for. Of "*.x" what begins with the dot counts.
bool meet(std::string_view a, std::string_view b) {
  if (a.starts_with('*')) a.remove_prefix(1);
  if (b.starts_with('*')) b.remove_prefix(1);
  if (a.starts_with('.') && b.starts_with('.')) return a.ends_with(b) || b.ends_with(a);
  return a == b || (a.starts_with('.') && b.ends_with(a)) || (b.starts_with('.') && a.ends_with(b));
}

class Overview {
 public:
  Overview(const Plan& plan, std::size_t most)
      : plan_(plan), doc_(plan.document()), most_(most), treatments_(doc_, store_, ignored_) {
    Reach all;
    if (doc_.tenants) read_tenants(*doc_.tenants, all);
    all.nobody = !doc_.routes.empty();
    kin_ = kin_of(all);
  }

  Guards take() {
    for (const Kin& kin : kin_)
      add({}, {}, kin);
    for (std::size_t i = 0; i < doc_.routes.size(); ++i)
      add_common(doc_.routes[i], fmt::format("routes[{}]", i));
    for (std::size_t i = 0; doc_.tenants && i < doc_.tenants->items.size(); ++i) {
      const config::Tenant& tenant = doc_.tenants->items[i];
      const Kin alone{item_classes_[i], 1, {tenant.name}, false, false};
      for (std::size_t j = 0; j < tenant.routes.size(); ++j)
        add_route(tenant.routes[j], fmt::format("tenants.items.{}.routes[{}]", tenant.name, j), {alone});
    }
    return any_ ? std::move(out_) : Guards{};
  }

 private:
  void read_tenants(const config::Tenants& tenants, Reach& all) {
    const Wishes defaults = treatments_.of_defaults(tenants.defaults);
    default_class_ = treatments_.class_of(defaults);
    all.others = tenants.from_host.has_value();
    if (all.others) suffix_ = tenants.from_host->value.substr(tenants.from_host->value.find('.'));
    for (std::size_t i = 0; i < tenants.items.size(); ++i) {
      const config::Tenant& tenant = tenants.items[i];
      item_classes_.push_back(treatments_.class_of(treatments_.of_tenant(tenant, defaults, {})));
      by_name_.emplace(tenant.name, i);
      all.items.push_back(i);
    }
  }

  std::vector<Kin> kin_of(const Reach& reach) const {
    std::vector<Kin> out;
    std::unordered_map<std::uint32_t, std::size_t> places;
    const auto of = [&](std::uint32_t its_class) -> Kin& {
      const auto [known, fresh] = places.emplace(its_class, out.size());
      if (fresh) out.emplace_back().its_class = its_class;
      return out[known->second];
    };
    if (reach.others) of(default_class_).others = true;
    for (const std::size_t item : reach.items) {
      Kin& kin = of(item_classes_[item]);
      if (++kin.count <= kMostNames) kin.names.push_back(doc_.tenants->items[item].name);
    }
    std::stable_sort(out.begin(), out.end(), [](const Kin& a, const Kin& b) {
      return std::pair(a.others, a.count) > std::pair(b.others, b.count);
    });
    if (reach.nobody) out.emplace_back().nobody = true;
    return out;
  }

  // Of a route that names hosts. One host leads to one tenant at most, a wildcard to any below it.
  Reach reach_of(const std::vector<config::Located<std::string>>& hosts) const {
    Reach out;
    std::vector<std::string_view> wildcards;
    for (const auto& host : hosts) {
      if (host.value.starts_with('*')) {
        wildcards.push_back(host.value);
        continue;
      }
      const Match match = plan_.routes().find(host.value, "/", "GET");
      out.nobody = out.nobody || match.tenant.empty();
      out.others = out.others || (!match.tenant.empty() && !match.tenant_listed);
      if (match.tenant_listed) out.items.push_back(by_name_.at(match.tenant));
    }
    if (!wildcards.empty()) add_below(wildcards, out);
    std::sort(out.items.begin(), out.items.end());
    out.items.erase(std::unique(out.items.begin(), out.items.end()), out.items.end());
    return out;
  }

  void add_below(const std::vector<std::string_view>& wildcards, Reach& out) const {
    const auto below = [&](std::string_view host) {
      return std::any_of(wildcards.begin(), wildcards.end(),
                         [&](std::string_view wildcard) { return meet(host, wildcard); });
    };
    out.nobody = true;
    if (!doc_.tenants) return;
    out.others = out.others || (!suffix_.empty() && below(suffix_));
    for (std::size_t i = 0; i < doc_.tenants->items.size(); ++i) {
      const config::Tenant& tenant = doc_.tenants->items[i];
      const bool named = std::any_of(tenant.hosts.begin(), tenant.hosts.end(),
                                     [&](const auto& host) { return below(host.value); });
      if (named || (!suffix_.empty() && below(tenant.name + suffix_))) out.items.push_back(i);
    }
  }

  void add_common(const config::Route& route, const std::string& place) {
    add_route(route, place, route.hosts.empty() ? kin_ : kin_of(reach_of(route.hosts)));
  }

  void add_route(const config::Route& route, const std::string& place, const std::vector<Kin>& whose) {
    if (route.limits.empty() && !route.max_body) return;
    const Wishes wishes = treatments_.of_route(route, {});
    const std::string path = route.path ? fmt::format(" ({})", route.path->value) : "";
    for (const Kin& kin : whose)
      add(place + path + ", ", wishes, kin);
  }

  void add(const std::string& place, const Wishes& route, const Kin& kin) {
    const bool full = out_.lines.size() == most_;
    if (full) ++out_.left_out;
    if (full && any_) return;
    auto policies = policy::describe(treatments_.settings(route, treatments_.classes()[kin.its_class]));
    any_ = any_ || !policies.empty();
    if (!full) out_.lines.push_back({place + text_of(kin, doc_.tenants.has_value()), std::move(policies)});
  }

  const Plan& plan_;
  const config::Document& doc_;
  const std::size_t most_;
  TreatmentStore store_;
  config::Diagnostics ignored_;  // what is wrong was said when the plan was built
  Treatments treatments_;
  std::vector<Kin> kin_;
  std::string suffix_;  // of from_host, with the dot
  std::uint32_t default_class_ = 0;
  std::vector<std::uint32_t> item_classes_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // of tenants.items
  Guards out_;
  bool any_ = false;
};

}  // namespace

Guards guards(const Plan& plan, std::size_t most) { return Overview(plan, most).take(); }

}  // namespace sluice::plan
