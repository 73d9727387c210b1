// What a request came nearest to that no route matches. For people, and bounded: as many hosts and routes are
// looked at as take some tens of microseconds.
#include "sluice/plan/route.hpp"

#include <algorithm>

namespace sluice::plan {
namespace {

constexpr std::size_t kMostHosts = 2'000;
constexpr std::size_t kMostRoutes = 500;

// How many bytes two texts share at their beginnings and their ends, less what one is longer.
std::ptrdiff_t likeness(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t front = 0;
  while (front < most && a[front] == b[front])
    ++front;
  std::size_t back = 0;
  while (back < most - front && a[a.size() - 1 - back] == b[b.size() - 1 - back])
    ++back;
  return static_cast<std::ptrdiff_t>(front + back) -
         static_cast<std::ptrdiff_t>(std::max(a.size(), b.size()) - most);
}

// The route whose path is most like the one that was asked for.
class Nearest {
 public:
  explicit Nearest(std::string_view path) : path_(path) {}

  void look_at(const RouteSet& routes, Miss& out) {
    for (const Route& route : routes.all()) {
      if (out.path_fits || looked_at_++ == kMostRoutes) return;
      const bool fits =
          route.path.empty() || (route.prefix ? path_.starts_with(route.path) : path_ == route.path);
      const std::ptrdiff_t like = likeness(path_, route.path);
      if (!fits && out.nearest != nullptr && like <= best_) continue;
      best_ = like;
      out.nearest = &route;
      out.path_fits = fits;
    }
  }

 private:
  std::string_view path_;
  std::size_t looked_at_ = 0;
  std::ptrdiff_t best_ = 0;
};

}  // namespace

// One that differs in a few bytes, or nothing.
std::string_view RouteTable::nearest_host(std::string_view host) const {
  std::string_view out;
  // Half of it must be the same, or it is another host altogether.
  auto best = static_cast<std::ptrdiff_t>(host.size() / 2);
  std::size_t looked_at = 0;
  for (const Hosts* hosts : {&exact_, &wildcard_}) {
    for (const auto& [name, entry] : *hosts) {
      if (++looked_at > kMostHosts) return out;
      const std::ptrdiff_t like = likeness(host, name);
      if (like < best || (like == best && (out.empty() || name >= out))) continue;
      best = like;
      out = name;
    }
  }
  return out;
}

Miss RouteTable::miss(std::string_view host, std::string_view path, bool nearest) const {
  Miss out;
  const Tenant* tenant = nullptr;
  bool named = false;
  Nearest routes(path);
  for_each_entry(host, [&](const HostEntry& entry) {
    named = true;
    if (tenant == nullptr) tenant = entry.tenant;
    if (nearest) routes.look_at(entry.routes, out);
  });
  out.tenant = find(host, path, {}).tenant;
  if (!out.tenant.empty()) {
    if (tenant == nullptr) tenant = pattern_;
    // Tenants in the file have the pattern's host among their own.
    const bool by_pattern = pattern_ != nullptr && host.ends_with(pattern_suffix_) &&
                            host.substr(0, host.size() - pattern_suffix_.size()) == out.tenant;
    out.by = by_pattern ? Miss::By::pattern : Miss::By::host;
    if (by_pattern) out.pattern = pattern_suffix_;
  }
  const bool hosts_matter = !exact_.empty() || !wildcard_.empty() || pattern_ != nullptr;
  out.host_known = named || tenant != nullptr || !hosts_matter;
  if (!nearest) return out;
  if (!out.host_known) out.nearest_host = nearest_host(host);
  if (tenant != nullptr) routes.look_at(tenant->own, out);
  routes.look_at(conditional_, out);
  return out;
}

}  // namespace sluice::plan
