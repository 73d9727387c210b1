// What tenants and routes have set, put together: how the requests of each route are treated, for each class
// of tenants. A class is all tenants that have set the same (docs/decisions/0020-policies-by-class.md).
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"
#include "sluice/plan/route.hpp"
#include "sluice/policy/catalogue.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice::plan {

// What a tenant or a route sets, with the limits found by their names.
struct Wishes {
  struct Use {
    std::uint32_t limit = 0;  // index in Document::limits
    std::uint32_t cost = 1;
    auto operator<=>(const Use&) const = default;
  };
  std::vector<Use> limits;
  std::optional<std::uint64_t> max_body;
  config::Timeouts timeouts;
  auto operator<=>(const Wishes&) const = default;
};

class Treatments {
 public:
  // All three outlive it.
  Treatments(const config::Document& document, TreatmentStore& store, config::Diagnostics& diagnostics);

  // `path` is where the map with `limits` stands.
  Wishes of_route(const config::Route& route, const std::string& path);
  Wishes of_defaults(const config::TenantDefaults& defaults);
  // With what `defaults` sets and the tenant does not.
  Wishes of_tenant(const config::Tenant& tenant, const Wishes& defaults, const std::string& path);

  // Class 0 is of requests without a tenant.
  std::uint32_t class_of(Wishes tenant);
  const std::vector<Wishes>& classes() const { return classes_; }

  // What a route sets goes before what a tenant does.
  policy::Settings settings(const Wishes& route, const Wishes& tenant) const;

  // Of a route to `pool` for all classes; after the last class_of().
  Treated for_all(std::uint32_t pool, const Wishes& route);
  // The same where it is for one class.
  Treated for_one(std::uint32_t pool, const Wishes& route, std::uint32_t tenants);

 private:
  using Row = std::vector<const Treatment*>;
  using ChainKey = std::pair<std::vector<Wishes::Use>, std::optional<std::uint64_t>>;

  static ChainKey together(const Wishes& route, const Wishes& tenant);
  policy::Settings settings(const ChainKey& key) const;

  std::vector<Wishes::Use> uses(const std::vector<config::LimitUse>& from, const std::string& path);
  std::optional<std::uint32_t> find(const config::LimitUse& use, const std::string& path);
  std::uint32_t cost_of(const config::LimitUse& use, const config::Limit& limit, const std::string& path);
  const Treatment* treat(std::uint32_t pool, const Wishes& route, const Wishes& tenant);
  std::shared_ptr<const policy::Chain> chain(const ChainKey& key);
  Treated keep(Row row);

  const config::Document& doc_;
  TreatmentStore& store_;
  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
  std::vector<std::shared_ptr<const policy::Limit>> limits_;  // by index in Document::limits
  std::vector<Wishes> classes_;
  std::map<Wishes, std::uint32_t> class_index_;
  std::map<ChainKey, std::shared_ptr<const policy::Chain>> chains_;
  std::map<std::tuple<std::uint32_t, config::Timeouts, const policy::Chain*>, const Treatment*> treatments_;
  std::map<std::pair<std::uint32_t, Wishes>, Treated> rows_;  // of all classes
};

}  // namespace sluice::plan
