// Which route answers a request. Built once, then read by all workers without a lock.
//
// Order of precedence (docs/routing.md): the tenant's own routes; common routes that name the host, exact
// before the longest wildcard; common routes for any host that have a path or method condition; the tenant's
// pool; common routes for any host without a condition. Within each: exact path, then longest prefix, then
// more conditions, then file order.
#pragma once

#include "sluice/base/text.hpp"
#include "sluice/config/document.hpp"
#include "sluice/plan/action.hpp"
#include "sluice/policy/chain.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::plan {

// How requests are treated, once route and tenant are known.
struct Treatment {
  Action action;
  std::shared_ptr<const policy::Chain> policies;  // empty: none
};

// By class of tenants: those that have set the same. One alone is for all of them. Into a TreatmentStore.
using Treated = std::span<const Treatment* const>;

// Where they lie; never moved, since routes point at them.
struct TreatmentStore {
  std::deque<Treatment> treatments;
  std::deque<std::vector<const Treatment*>> rows;
};

struct Route {
  std::string path;  // empty: any
  bool prefix = false;
  std::vector<std::string> methods;  // empty: any
  bool dots = false;                 // whether paths with dot segments are passed on
  Treated treated;
  config::Position at;

  bool conditional() const { return !path.empty() || !methods.empty(); }
  bool matches(std::string_view request_path, std::string_view method) const;
};

// Routes in the order in which they are tried.
class RouteSet {
 public:
  void add(Route route) { routes_.push_back(std::move(route)); }
  // After the last add().
  void sort();
  const Route* find(std::string_view path, std::string_view method) const;
  bool empty() const { return routes_.empty(); }
  const std::vector<Route>& all() const { return routes_; }

 private:
  std::vector<Route> routes_;
};

struct Tenant {
  std::string name;
  std::uint32_t its_class = 0;
  RouteSet own;
  bool has_pool = false;
  Route pool;  // with has_pool
};

struct Match {
  const Route* route = nullptr;  // nullptr: nothing matches
  std::string_view tenant;       // empty: none; into the table or the host that was asked for
  std::uint32_t tenant_class = 0;
  bool tenant_listed = false;  // the configuration has it by name

  // Of a match that has a route.
  const Treatment& treatment() const {
    return *route->treated[route->treated.size() == 1 ? 0 : tenant_class];
  }
};

// Why nothing matches.
struct Miss {
  enum class By : std::uint8_t { nobody, host, pattern };  // what makes the host a tenant's
  By by = By::nobody;
  std::string_view tenant;
  std::string_view pattern;        // by pattern: what follows "{tenant}"
  bool host_known = true;          // false: routes and tenants name hosts, and none of them this one
  std::string_view nearest_host;   // that is named, where this one is not; empty: none is like it
  const Route* nearest = nullptr;  // by path; or one whose path fits and whose methods do not
  bool path_fits = false;          // of `nearest`
};

class RouteTable {
 public:
  // Hosts are normalised; "*.x" stands for any number of labels in front of x. False: somebody has it
  // already.
  bool add_tenant_host(const std::string& host, const Tenant& tenant);
  void add_host_route(const std::string& host, const Route& route);
  void add_common(const Route& route) { (route.conditional() ? conditional_ : catch_all_).add(route); }
  // Hosts of one label of [a-z0-9-]{1,63} in front of `suffix` (".example.com") are tenants by that label.
  void set_pattern(std::string suffix, const Tenant* defaults) {
    pattern_suffix_ = std::move(suffix);
    pattern_ = defaults;
  }
  const Tenant& keep(std::unique_ptr<Tenant> tenant);
  // After everything was added.
  void finish();

  Match find(std::string_view host, std::string_view path, std::string_view method) const;
  // For a request that find() knows no route for. To look for what is nearest takes time, however bounded.
  Miss miss(std::string_view host, std::string_view path, bool nearest) const;

  std::size_t tenant_count() const { return tenants_.size(); }
  const std::vector<std::unique_ptr<Tenant>>& tenants() const { return tenants_; }

 private:
  struct HostEntry {
    const Tenant* tenant = nullptr;
    RouteSet routes;
  };
  using Hosts = std::unordered_map<std::string, HostEntry, TextHash, TextEqual>;

  HostEntry& entry(const std::string& host);
  // Entries that speak for `host`, most specific first.
  template <class F>
  void for_each_entry(std::string_view host, F&& f) const;
  bool pattern_label(std::string_view host, std::string_view& label) const;
  std::string_view nearest_host(std::string_view host) const;

  Hosts exact_;
  Hosts wildcard_;  // by ".example.com"
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::string pattern_suffix_;
  const Tenant* pattern_ = nullptr;
  RouteSet conditional_;
  RouteSet catch_all_;
};

template <class F>
void RouteTable::for_each_entry(std::string_view host, F&& f) const {
  if (const auto found = exact_.find(host); found != exact_.end()) f(found->second);
  if (wildcard_.empty()) return;
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    if (const auto found = wildcard_.find(host.substr(dot)); found != wildcard_.end()) f(found->second);
  }
}

}  // namespace sluice::plan
