// What the operator wrote about a group of servers: who they are, how one is chosen, how their health is
// watched, and what happens when one fails. Plain values; cross-key rules hold once load() reported nothing.
#pragma once

#include "sluice/config/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::config {

struct Server {
  Located<std::string> address;  // "host:port", "[v6]:port", "unix:/path"; host may be a name; canonical
  std::uint32_t weight = 1;      // 1..1000
  bool backup = false;           // used only while no other server of the pool can be; some server is none
  std::optional<std::uint32_t> max_connections;  // unset: the pool's; 0: no bound
};

// TLS towards the servers of a pool.
struct PoolTls {
  bool verify = true;
  std::optional<Located<std::string>> ca;  // PEM file, absolute after load(); unset: the system's
  std::string server_name;                 // canonical; empty: each server's own name
};

// Status codes from `low` to `high`, both included; 100..599.
struct StatusRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
  bool operator==(const StatusRange&) const = default;
};

inline bool covers(const std::vector<StatusRange>& ranges, std::uint16_t status) {
  for (const StatusRange& range : ranges) {
    if (status >= range.low && status <= range.high) return true;
  }
  return false;
}

// Which outcomes of a try at a server count as failed.
struct Failures {
  bool connect = false;               // no connection
  bool reset = false;                 // the connection ended before a byte of the response
  bool timeout = false;               // no byte of the response in time
  std::vector<StatusRange> statuses;  // responses, in the order written
  bool operator==(const Failures&) const = default;
};

// What stands for the tenant's name in a check's header values, `body` and strings of `json`. It occurs only
// beside `as_tenants`.
inline constexpr std::string_view kTenantPlaceholder = "{tenant}";

// How much of a response's body a check reads; `body`, `body_regex` and `json` see no more.
inline constexpr std::size_t kMaxCheckedBody = 65'536;

// One value that a JSON response must hold, found by object keys from the outermost.
struct JsonExpectation {
  std::vector<std::string> path;  // never empty, nor any of its parts
  std::variant<std::nullptr_t, bool, double, std::string> value;
  Position at;
};

// When a response means "healthy"; all that is set must hold.
struct Expect {
  std::vector<StatusRange> status{{200, 399}};
  std::optional<Located<std::string>> body;        // contained in the body
  std::optional<Located<std::string>> body_regex;  // RE2, found anywhere in the body; compiles
  std::vector<JsonExpectation> json;
};

struct CheckHeader {
  std::string name;  // as written; unique but for case
  Located<std::string> value;
};

// The tenants that a check asks as. Either `names` or `sample` is given. The names are as written: whether
// these tenants exist is for `plan` to check. The document has `tenants`.
struct AsTenants {
  Position at;
  std::vector<Located<std::string>> names;  // tenant names, none twice
  std::uint32_t sample = 0;                 // so many of the known tenants, 1..100
};

enum class CheckType : std::uint8_t { http, https, tcp };
enum class CheckStart : std::uint8_t { down, up };

// How servers are asked whether they are well. With CheckType::tcp the members from `path` to `expect` have
// their defaults and mean nothing.
struct Health {
  Position at;
  CheckType type = CheckType::http;  // settled: https where the pool has TLS and nothing is written
  std::uint16_t port = 0;            // 0: the server's own; always 0 in pools with unix sockets
  Duration interval = std::chrono::seconds(2);  // 100ms..1h
  double jitter = 10;                           // percent of the interval, to either side; 0..50
  Duration timeout = std::chrono::seconds(1);   // for the whole check; settled: at most the interval
  std::uint32_t rise = 2;                       // passes in a row until up; 1..100
  std::uint32_t fall = 3;                       // failures in a row until down; 1..100
  CheckStart start = CheckStart::down;          // until the first verdict
  std::string path = "/";                       // with a query where written
  std::string method = "GET";                   // GET | HEAD | OPTIONS
  std::string host;                             // "name", "name:port"; empty: see the reference
  std::vector<CheckHeader> headers;
  std::optional<AsTenants> as_tenants;
  Expect expect;
};

// When a server is taken out for what its traffic shows. One of `consecutive_errors` and `error_rate` is on.
struct Outlier {
  Position at;
  std::uint32_t consecutive_errors = 5;  // 0: off; at most 1000
  double error_rate = 0;                 // percentage points above the pool's mean, 0..100; 0: off
  std::uint32_t min_requests = 50;       // of a server in `interval`, for its rate to count; 1..1'000'000
  Duration interval = std::chrono::seconds(10);     // over which rates are taken; 1s..1h
  Duration ejection = std::chrono::seconds(10);     // the first; each further one is longer by as much
  Duration ejection_max = std::chrono::minutes(5);  // settled: not below `ejection`; both 100ms..24h
  double max_ejected = 50;                          // percent of the pool's servers; 0..100
  Failures errors{true, true, true, {{502, 504}}};
};

enum class PanicThen : std::uint8_t { refuse, all };

// What to do when too few servers are well.
struct Panic {
  double below = 0;  // percent of servers that are healthy; 0: only when none is
  PanicThen then = PanicThen::refuse;
};

struct Retry {
  std::uint32_t attempts = 2;  // tries altogether, 1..10; 1: `retry: off`
  Failures on{.connect = true, .reset = true, .timeout = false, .statuses = {}};
  double budget = 20;                       // percent of requests that may be retried; 0..100
  std::uint32_t budget_min = 10;            // retries in a second that are always allowed; 0..1'000'000
  std::optional<Duration> per_try_timeout;  // until the first byte of a response; only where on.timeout
  std::uint32_t body = 64 * 1024;           // bytes of a request's body kept for a further try; 0..1 MiB
};

// Requests that wait while every server has its `max_connections`. Every server has a bound then.
struct Queue {
  Position at;
  std::uint32_t size = 0;  // 1..1'000'000
  Duration timeout = std::chrono::seconds(5);
};

enum class Balancing : std::uint8_t { least_connections, round_robin, random_two, least_time, hash };
enum class HashBy : std::uint8_t { client_ip, tenant, path, header, cookie };

struct Balance {
  Position at;
  Balancing by = Balancing::least_connections;
  // Of `hash`:
  HashBy hash = HashBy::client_ip;  // `tenant` only where the document has `tenants`
  std::string name;                 // of the header or cookie, as written
  std::uint32_t bound = 125;        // percent of the mean load that a server may carry, 101..1000; 0: any
};

enum class SameSite : std::uint8_t { lax, strict, none };
enum class SecureCookie : std::uint8_t { automatic, always, never };  // automatic: where the client has TLS

// A cookie that brings a client back to its server.
struct Sticky {
  Position at;
  Located<std::string> cookie;  // an RFC 6265 name
  std::optional<Duration> ttl;  // whole seconds, 1s..9600h; unset: until the browser is closed
  std::string secret;           // of the cookie's values; empty: none
  std::string path = "/";
  SameSite same_site = SameSite::lax;
  SecureCookie secure = SecureCookie::automatic;
};

struct Pool {
  std::string name;
  Position at;
  std::vector<Server> servers;
  bool h2 = false;             // `protocol: h2`
  std::optional<PoolTls> tls;  // unset: in the clear
  Timeouts timeouts;
  Balance balance;
  std::optional<Sticky> sticky;
  std::uint32_t max_connections = 0;  // of each server; 0: no bound
  std::optional<Queue> queue;
  Duration slow_start{};           // 0: none; at most 1h
  std::optional<Health> health;    // unset: servers are not asked
  std::optional<Outlier> outlier;  // unset: traffic takes no server out
  Panic panic;
  Retry retry;
};

}  // namespace sluice::config
