#include "config/schemas.hpp"

#include <array>

namespace sluice::config {
namespace {

constexpr std::int64_t kDay = 86'400'000;

template <auto Member>
constexpr auto kLimit = &set<Member, duration<1, kDay>>;

constexpr Key<Timeouts> kHeader{
    {"header", "duration", "10s", "Time for a whole request head, from its first byte; 408 when it is over."},
    kLimit<&Timeouts::header>};
constexpr Key<Timeouts> kIdle{
    {"idle", "duration", "75s", "Time a client may keep its connection open between two requests."},
    kLimit<&Timeouts::idle>};
constexpr Key<Timeouts> kBody{{"body", "duration", "30s",
                               "Time between two reads or writes of a body; 60s towards servers unless set."},
                              kLimit<&Timeouts::body>};
constexpr Key<Timeouts> kDrain{
    {"drain", "duration", "30s",
     "Time for connections to finish on what a reload removed, and on stop; 0 cuts them at once."},
    &set<&Timeouts::drain, duration<0, kDay>>};
constexpr Key<Timeouts> kConnect{
    {"connect", "duration", "3s", "Time to connect to a server, TLS included; then another server is tried."},
    kLimit<&Timeouts::connect>};
constexpr Key<Timeouts> kFirstByte{{"first_byte", "duration", "60s",
                                    "Time until the first byte of a server's response; 504 when it is over."},
                                   kLimit<&Timeouts::first_byte>};
constexpr Key<Timeouts> kUpstreamIdle{
    {"upstream_idle", "duration", "4s",
     "Time an unused connection to a server is kept; stay below the server's own keep-alive."},
    kLimit<&Timeouts::upstream_idle>};

constexpr Key<Timeouts> inherit(Key<Timeouts> key, std::string_view from) {
  key.text.fallback = from;
  return key;
}

constexpr std::string_view kFromTop = "as at the top";
constexpr std::string_view kFromPool = "as on the pool";

constexpr std::array kProcessKeys{kHeader, kIdle, kBody, kDrain, kConnect, kFirstByte, kUpstreamIdle};
constexpr std::array kListenerKeys{inherit(kHeader, kFromTop), inherit(kIdle, kFromTop),
                                   inherit(kBody, kFromTop), inherit(kDrain, kFromTop)};
constexpr std::array kPoolKeys{inherit(kBody, kFromTop), inherit(kDrain, kFromTop),
                               inherit(kConnect, kFromTop), inherit(kFirstByte, kFromTop),
                               inherit(kUpstreamIdle, kFromTop)};
constexpr std::array kRouteKeys{inherit(kBody, kFromPool), inherit(kConnect, kFromPool),
                                inherit(kFirstByte, kFromPool)};

constexpr std::string_view kForClients =
    "this limit concerns clients; it belongs to \"timeouts\" at the top or on a listener";
constexpr std::string_view kForServers =
    "this limit concerns servers; it belongs to \"timeouts\" at the top or on a pool";

constexpr std::array kNotOnListeners{Misplaced{"connect", kForServers}, Misplaced{"first_byte", kForServers},
                                     Misplaced{"upstream_idle", kForServers}};
constexpr std::array kNotOnPools{Misplaced{"header", kForClients}, Misplaced{"idle", kForClients}};
constexpr std::array kNotOnRoutes{
    Misplaced{"header", kForClients}, Misplaced{"idle", kForClients},
    Misplaced{"drain", "routes share their pool's connections; set this limit on the pool"},
    Misplaced{"upstream_idle", "routes share their pool's connections; set this limit on the pool"}};
constexpr std::array kNotOnTenants{
    Misplaced{"header", kForClients}, Misplaced{"idle", kForClients},
    Misplaced{"drain", "tenants share their pool's connections; set this limit on the pool"},
    Misplaced{"upstream_idle", "tenants share their pool's connections; set this limit on the pool"}};

}  // namespace

constinit const Schema<Timeouts> kProcessTimeouts{
    {"timeouts", "Time limits, 1ms to 24h each.", {}, {}, "first_byte"}, kProcessKeys};
constinit const Schema<Timeouts> kListenerTimeouts{{"listeners.NAME.timeouts",
                                                    "Time limits for the clients of one listener.",
                                                    {},
                                                    kNotOnListeners,
                                                    "header"},
                                                   kListenerKeys};
constinit const Schema<Timeouts> kPoolTimeouts{
    {"pools.NAME.timeouts", "Time limits for the servers of one pool.", {}, kNotOnPools, "first_byte"},
    kPoolKeys};
constinit const Schema<Timeouts> kRouteTimeouts{
    {"routes[N].timeouts", "Time limits for the requests of one route.", {}, kNotOnRoutes, "first_byte"},
    kRouteKeys};
constinit const Schema<Timeouts> kTenantTimeouts{
    {"tenants.defaults.timeouts",
     "Time limits for the requests of tenants; the same keys in `tenants.items.NAME.timeouts`. "
     "What a route sets goes before.",
     {},
     kNotOnTenants,
     "first_byte"},
    kRouteKeys};

}  // namespace sluice::config
