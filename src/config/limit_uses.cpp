// What routes and tenants ask for: limits by name, and the size of a body.
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::uint64_t kMostCost = 1'000'000'000;

constexpr std::array kUseKeys{
    Key<LimitUse>{{"limit", "name", kRequired, "The limit."}, &locate<&LimitUse::name, text>},
    Key<LimitUse>{{"cost", "whole number", "that of the limit",
                   "What a request takes of it, 1 to its `burst`; only of a limit with `rate`."},
                  &set<&LimitUse::cost, whole<1, kMostCost>>}};

template <class T>
constexpr std::array kBodyKey{
    Key<T>{{"body", "size", "as above", "Request body; 0 for any size, 413 beyond."},
           &set<&T::max_body, size<0, kPiB>>}};

constexpr std::string_view kNotPerRoute =
    "this bound holds before it is known where a request leads; it belongs to \"max\" at the top or on a "
    "listener";
constexpr std::string_view kOfProcess = "this bound is the whole process's; it belongs to \"max\" at the top";
constexpr std::array kNotHere{Misplaced{"head", kNotPerRoute},
                              Misplaced{"fields", kNotPerRoute},
                              Misplaced{"connections", kOfProcess},
                              Misplaced{"connections_per_ip", kOfProcess},
                              Misplaced{"connections_per_ip_v6_prefix", kOfProcess},
                              Misplaced{"handshakes_per_ip", kOfProcess},
                              Misplaced{"limit_keys", kOfProcess},
                              Misplaced{"http2_windows", kOfProcess}};

constexpr std::array<std::string_view, 5> kOfDefinition{"rate", "concurrency", "bytes", "burst", "key"};

// One that is written where its name should stand.
bool refuse_definition(const Cursor& at) {
  if (at.node().kind != Kind::map) return false;
  const bool defines = std::any_of(kOfDefinition.begin(), kOfDefinition.end(),
                                   [&](std::string_view word) { return at.find(word).has_value(); });
  if (defines) {
    at.error("limits are defined under \"limits\" at the top of the file, by name; write that name here");
  }
  return defines;
}

}  // namespace

constinit const Schema<LimitUse> kLimitUseSchema{
    {"routes[N].limits[N]",
     "A name alone, or a map; the same in the `limits` of tenants. A route's limits come on top of its "
     "tenant's; one that both name counts once, with the route's cost.",
     {},
     {},
     "limit"},
    kUseKeys};
constinit const Schema<Route> kRouteMaxSchema{
    {"routes[N].max",
     "The most specific one holds: that of the route, the tenant, `tenants.defaults`, the listener, the top.",
     {},
     kNotHere,
     "body"},
    kBodyKey<Route>};
constinit const Schema<Tenant> kTenantMaxSchema{{"tenants.items.NAME.max", "", {}, kNotHere, "body"},
                                                kBodyKey<Tenant>};
constinit const Schema<TenantDefaults> kDefaultsMaxSchema{{"tenants.defaults.max", "", {}, kNotHere, "body"},
                                                          kBodyKey<TenantDefaults>};

std::vector<LimitUse> read_limit_uses(const Cursor& at) {
  std::vector<LimitUse> out;
  if (refuse_definition(at)) return out;
  read_list(at, [&](const Cursor& item) {
    // One that cannot be read stays, without a name: the others are counted as they stand in the file.
    LimitUse& use = out.emplace_back();
    if (refuse_definition(item)) return;
    if (item.node().kind == Kind::map) {
      read_map(item, kLimitUseSchema, use);
    } else {
      locate<&LimitUse::name, text>(item, use);
    }
    if (use.name.value.empty()) return;
    const auto first =
        std::find_if(out.begin(), out.end(), [&](const LimitUse& other) { return other.name == use.name; });
    if (&*first == &use) return;
    item.error(fmt::format("limit \"{}\" stands in this list already, at {}; leave it out here",
                           use.name.value, at.context().where(first->name.at)));
    use.name.value.clear();
  });
  return out;
}

}  // namespace sluice::config
