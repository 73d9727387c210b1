#include "plan/unreachable.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

// Routes that share a host and a path; among them, those with methods come first, then the file's order.
class Seen {
 public:
  Seen(const config::Document& document, config::Diagnostics& diagnostics)
      : doc_(document), diagnostics_(diagnostics) {}

  void add(const std::string& host, const config::Route& route, config::Position at, std::string path) {
    auto& before = by_place_[host + '\n' + (route.path ? route.path->value : std::string())];
    const auto first = std::find_if(before.begin(), before.end(),
                                    [&](const config::Route* other) { return takes_all(*other, route); });
    if (first != before.end()) {
      const config::Position there = (*first)->at;
      diagnostics_.add(
          at, std::move(path),
          fmt::format("the route at {}:{}:{} has the same {} and comes first; this one can never win",
                      doc_.files[there.file], there.line, there.column,
                      host.empty() ? "conditions" : "conditions for " + host));
    }
    before.push_back(&route);
  }

 private:
  static bool takes_all(const config::Route& first, const config::Route& later) {
    if (first.methods.empty() != later.methods.empty()) return false;
    return std::all_of(later.methods.begin(), later.methods.end(), [&](const auto& method) {
      return std::find(first.methods.begin(), first.methods.end(), method) != first.methods.end();
    });
  }

  const config::Document& doc_;
  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string, std::vector<const config::Route*>> by_place_;
};

}  // namespace

void check_unreachable(const config::Document& document, config::Diagnostics& diagnostics) {
  Seen common(document, diagnostics);
  for (std::size_t i = 0; i < document.routes.size(); ++i) {
    const config::Route& route = document.routes[i];
    const std::string path = fmt::format("routes[{}]", i);
    // What could not be read is not there, and what is left looks more alike than it is.
    if (diagnostics.doubtful_within(path)) continue;
    if (route.hosts.empty()) common.add({}, route, route.at, path);
    for (std::size_t j = 0; j < route.hosts.size(); ++j)
      common.add(route.hosts[j].value, route, route.hosts[j].at, fmt::format("{}.hosts[{}]", path, j));
  }
  if (!document.tenants) return;
  for (const config::Tenant& tenant : document.tenants->items) {
    if (tenant.routes.size() < 2) continue;
    Seen own(document, diagnostics);
    for (std::size_t i = 0; i < tenant.routes.size(); ++i) {
      const std::string path = fmt::format("tenants.items.{}.routes[{}]", tenant.name, i);
      if (!diagnostics.doubtful_within(path)) own.add({}, tenant.routes[i], tenant.routes[i].at, path);
    }
  }
}

}  // namespace sluice::plan
