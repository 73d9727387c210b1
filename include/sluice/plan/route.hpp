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
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::plan {

struct Route {
  std::string path;  // empty: any
  bool prefix = false;
  std::vector<std::string> methods;  // empty: any
  bool dots = false;                 // whether paths with dot segments are passed on
  Action action;
  std::shared_ptr<const policy::Chain> policies;  // empty: none
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
  RouteSet own;
  bool has_pool = false;
  Route pool;  // with has_pool
};

struct Match {
  const Route* route = nullptr;  // nullptr: nothing matches
  std::string_view tenant;       // empty: none; into the table or the host that was asked for
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

  Hosts exact_;
  Hosts wildcard_;  // by ".example.com"
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::string pattern_suffix_;
  const Tenant* pattern_ = nullptr;
  RouteSet conditional_;
  RouteSet catch_all_;
};

}  // namespace sluice::plan
