#include "proxy/miss.hpp"

#include "sluice/http/forwarding.hpp"

#include <string>

#include <fmt/format.h>

namespace sluice::proxy {
namespace {

// Of a path that may be long.
std::string shortened(std::string_view path) {
  constexpr std::size_t kEnough = 80;
  return path.size() <= kEnough ? std::string(path) : fmt::format("{}...", path.substr(0, kEnough));
}

std::string owner(const plan::Miss& miss) {
  switch (miss.by) {
    case plan::Miss::By::host: return fmt::format("tenant {}, which lists it", miss.tenant);
    case plan::Miss::By::pattern: return fmt::format("tenant {}, by {{tenant}}{}", miss.tenant, miss.pattern);
    case plan::Miss::By::nobody: break;
  }
  return "no tenant";
}

std::string nearest(const plan::Miss& miss, const plan::Plan& plan) {
  if (!miss.nearest_host.empty()) {
    // A wildcard is kept without its star.
    return fmt::format("; nearest {}{}", miss.nearest_host.starts_with('.') ? "*" : "", miss.nearest_host);
  }
  if (!miss.host_known || miss.nearest == nullptr) return {};
  const plan::Route& route = *miss.nearest;
  const std::string at = fmt::format("{} ({}:{})", route.path.empty() ? "any path" : shortened(route.path),
                                     plan.file_of(route.at), route.at.line);
  if (!miss.path_fits) return fmt::format("; nearest {}", at);
  return fmt::format("; {} takes {} only", at, fmt::join(route.methods, ", "));
}

}  // namespace

void explain_miss(http::Exchange& exchange, const plan::Plan& plan) {
  const http::RequestHead& request = exchange.request;
  const plan::Miss miss = plan.routes().miss(request.host, request.path, http::is_insider(exchange));
  const std::string_view host = request.host.empty() ? "(none)" : request.host;
  std::string text;
  if (miss.host_known) {
    text = fmt::format("host {}: {}; no route has path {} with {}", host, owner(miss),
                       shortened(request.path), request.method_text);
  } else {
    text = fmt::format("no tenant and no route has host {}", host);
  }
  exchange.record.rule = miss.host_known ? Rule::no_route : Rule::unknown_host;
  exchange.record.details = exchange.arena.copy(text + nearest(miss, plan));
}

}  // namespace sluice::proxy
