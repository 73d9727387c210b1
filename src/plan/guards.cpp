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

class Overview {
 public:
  Overview(const config::Document& document, std::size_t most)
      : doc_(document), most_(most), treatments_(document, store_, ignored_) {
    if (doc_.tenants) read_tenants(*doc_.tenants);
    if (!doc_.routes.empty()) kin_.emplace_back().nobody = true;
  }

  Guards take() {
    for (const Kin& kin : kin_)
      add({}, {}, kin);
    for (std::size_t i = 0; i < doc_.routes.size(); ++i)
      add_route(doc_.routes[i], fmt::format("routes[{}]", i), kin_);
    for (std::size_t i = 0; doc_.tenants && i < doc_.tenants->items.size(); ++i) {
      const config::Tenant& tenant = doc_.tenants->items[i];
      const Kin alone{item_classes_[i], 1, {tenant.name}, false, false};
      for (std::size_t j = 0; j < tenant.routes.size(); ++j)
        add_route(tenant.routes[j], fmt::format("tenants.items.{}.routes[{}]", tenant.name, j), {alone});
    }
    return any_ ? std::move(out_) : Guards{};
  }

 private:
  void read_tenants(const config::Tenants& tenants) {
    const Wishes defaults = treatments_.of_defaults(tenants.defaults);
    if (tenants.from_host) kin_of(treatments_.class_of(defaults)).others = true;
    for (const config::Tenant& tenant : tenants.items) {
      item_classes_.push_back(treatments_.class_of(treatments_.of_tenant(tenant, defaults, {})));
      Kin& kin = kin_of(item_classes_.back());
      if (++kin.count <= kMostNames) kin.names.push_back(tenant.name);
    }
    std::stable_sort(kin_.begin(), kin_.end(), [](const Kin& a, const Kin& b) {
      return std::pair(a.others, a.count) > std::pair(b.others, b.count);
    });
  }

  Kin& kin_of(std::uint32_t its_class) {
    const auto [known, fresh] = places_.emplace(its_class, kin_.size());
    if (fresh) kin_.emplace_back().its_class = its_class;
    return kin_[known->second];
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

  const config::Document& doc_;
  const std::size_t most_;
  TreatmentStore store_;
  config::Diagnostics ignored_;  // what is wrong was said when the plan was built
  Treatments treatments_;
  std::vector<Kin> kin_;
  std::unordered_map<std::uint32_t, std::size_t> places_;  // in `kin_`, by class, while it is filled
  std::vector<std::uint32_t> item_classes_;
  Guards out_;
  bool any_ = false;
};

}  // namespace

Guards guards(const Plan& plan, std::size_t most) { return Overview(plan.document(), most).take(); }

}  // namespace sluice::plan
