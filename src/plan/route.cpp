#include "sluice/plan/route.hpp"

#include <algorithm>
#include <tuple>

namespace sluice::plan {

bool Route::matches(std::string_view request_path, std::string_view method) const {
  if (!path.empty() && !(prefix ? request_path.starts_with(path) : request_path == path)) return false;
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

void RouteSet::sort() {
  const auto rank = [](const Route& r) {
    const bool exact = !r.path.empty() && !r.prefix;
    return std::tuple(exact ? 0 : 1, -static_cast<std::int64_t>(r.path.size()), r.methods.empty() ? 1 : 0);
  };
  std::stable_sort(routes_.begin(), routes_.end(),
                   [&](const Route& a, const Route& b) { return rank(a) < rank(b); });
  routes_.shrink_to_fit();
}

const Route* RouteSet::find(std::string_view path, std::string_view method) const {
  for (const Route& route : routes_) {
    if (route.matches(path, method)) return &route;
  }
  return nullptr;
}

RouteTable::HostEntry& RouteTable::entry(const std::string& host) {
  return host.starts_with("*.") ? wildcard_[host.substr(1)] : exact_[host];
}

bool RouteTable::add_tenant_host(const std::string& host, const Tenant& tenant) {
  HostEntry& e = entry(host);
  if (e.tenant != nullptr) return e.tenant == &tenant;
  e.tenant = &tenant;
  return true;
}

void RouteTable::add_host_route(const std::string& host, const Route& route) {
  entry(host).routes.add(route);
}

const Tenant& RouteTable::keep(std::unique_ptr<Tenant> tenant) {
  tenants_.push_back(std::move(tenant));
  return *tenants_.back();
}

void RouteTable::finish() {
  for (auto& [host, e] : exact_)
    e.routes.sort();
  for (auto& [host, e] : wildcard_)
    e.routes.sort();
  for (auto& tenant : tenants_)
    tenant->own.sort();
  conditional_.sort();
  catch_all_.sort();
}

bool RouteTable::pattern_label(std::string_view host, std::string_view& label) const {
  if (pattern_ == nullptr || !host.ends_with(pattern_suffix_)) return false;
  label = host.substr(0, host.size() - pattern_suffix_.size());
  if (label.empty() || label.size() > 63) return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

Match RouteTable::find(std::string_view host, std::string_view path, std::string_view method) const {
  const Tenant* tenant = nullptr;
  const Route* host_route = nullptr;
  Match match;
  for_each_entry(host, [&](const HostEntry& e) {
    if (tenant == nullptr && e.tenant != nullptr) {
      tenant = e.tenant;
      match.tenant = tenant->name;
    }
    if (host_route == nullptr) host_route = e.routes.find(path, method);
  });
  if (tenant == nullptr && pattern_label(host, match.tenant)) {
    tenant = pattern_;
  } else if (tenant == nullptr) {
    match.tenant = {};
  }
  if (tenant != nullptr) {
    match.tenant_class = tenant->its_class;
    match.tenant_listed = tenant != pattern_;
    match.route = tenant->own.find(path, method);
  }
  if (match.route == nullptr) match.route = host_route;
  if (match.route == nullptr) match.route = conditional_.find(path, method);
  if (match.route == nullptr && tenant != nullptr && tenant->has_pool) match.route = &tenant->pool;
  if (match.route == nullptr) match.route = catch_all_.find(path, method);
  return match;
}

}  // namespace sluice::plan
