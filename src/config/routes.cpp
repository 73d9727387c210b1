#include "config/names.hpp"
#include "config/schemas.hpp"

#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 2> kPathsWords{"strict", "as_is"};
constexpr Choices kPaths{kPathsWords, {}};

void read_route_limits(const Cursor& at, Route& out) { out.limits = read_limit_uses(at); }
void read_route_max(const Cursor& at, Route& out) { read_map(at, kRouteMaxSchema, out); }

constexpr std::array kRouteKeys{
    Key<Route>{{"pool", "name", kRequired, "The pool that answers."}, &locate<&Route::pool, text>},
    Key<Route>{{"hosts", "list of hosts", "any host", "Exact names, or wildcards such as `*.example.com`."},
               &locate_some<&Route::hosts, parsed<parse_host_pattern>>},
    Key<Route>{
        {"path", "path", "any path",
         "`/static/` covers everything below it, `/static` this path alone; percent-encoded where needed."},
        &locate<&Route::path, parsed<parse_path>>},
    Key<Route>{{"methods", "list of methods", "any method", "In capitals, such as `[GET, HEAD]`."},
               &locate_some<&Route::methods, parsed<parse_method>>},
    Key<Route>{
        {"paths", "`strict` or `as_is`", "strict",
         "Paths with `.` or `..` segments, in whatever spelling, are answered 400, or passed on as they "
         "came where no other route could be meant: for object stores and the like, which take them for "
         "parts of a key."},
        &set<&Route::paths, choice<Paths, kPaths>>},
    Key<Route>{{"timeouts", "map", "as on the pool", "Time limits for the requests of this route."},
               &nest<&Route::timeouts, kRouteTimeouts>},
    Key<Route>{{"limits", "list", "none",
                "Limits of its own, on top of the tenant's; a name, or a map with a `cost`."},
               &read_route_limits},
    Key<Route>{{"max", "map", "as of the tenant", "What a request of this route may send."},
               &read_route_max}};

constexpr std::array<std::string_view, 7> kLaterKeys{
    "access", "cache_headers", "cors", "request_headers", "response_headers", "retry", "security_headers"};

}  // namespace

constinit const Schema<Route> kRouteSchema{
    {"routes[N]",
     "Which route wins: host (exact, then the longest wildcard), then path "
     "(exact, then the longest prefix), then "
     "the number of further conditions, then order in the file.",
     kLaterKeys},
    kRouteKeys};

void read_routes(const Cursor& at, std::vector<Route>& out) {
  if (at.node().kind == Kind::scalar && is_name(at.node().text)) {
    at.error(fmt::format("expected a list, got {0}; write [{{ pool: {0} }}]", quoted(at.node().text)));
    return;
  }
  read_list(at, [&](const Cursor& item) {
    Route& route = out.emplace_back();
    route.at = item.at();
    if (item.node().kind == Kind::scalar && is_name(item.node().text)) {
      item.error(fmt::format("expected a map, got {0}; write {{ pool: {0} }}", quoted(item.node().text)));
      return;
    }
    read_map(item, kRouteSchema, route);
  });
}

}  // namespace sluice::config
