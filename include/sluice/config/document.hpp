// What the operator wrote, typed. A Document is the YAML files after syntax, types, units and keys were
// checked; names that point at other parts (a route's pool, say) are checked by `plan`, which knows what they
// must resolve to. Every value that a later error may point at keeps its position.
//
// Ownership: plain values, no references into the parser. Immutable by convention once load() returned it.
#pragma once

#include "sluice/config/limit.hpp"
#include "sluice/config/pool.hpp"
#include "sluice/config/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::config {

// Bounds on what clients may send or hold. 0 for `body`, `connections` and `connections_per_ip`: no bound.
struct Max {
  std::uint32_t head = 32 * 1024;                   // bytes, request line included; 1 KiB..1 MiB
  std::uint32_t fields = 100;                       // header fields; 10..1000
  std::uint64_t body = 0;                           // bytes of a request body
  std::uint32_t connections = 0;                    // client connections, all listeners together
  std::uint32_t connections_per_ip = 0;             // client connections of one address
  std::uint32_t connections_per_ip_v6_prefix = 64;  // so many bits of an IPv6 address are one; 1..128
  std::optional<Rate> handshakes_per_ip;            // TLS handshakes of one address; unset: any number
  std::uint32_t limit_keys = 1'000'000;             // that limits remember; 1000..100,000,000
  // Bytes that HTTP/2 peers on either side may send ahead of who reads them, beyond each stream's first
  // window.
  std::uint64_t http2_windows = 256 * 1024 * 1024;
};

// The same for the clients of one listener. 0 for `head` and `fields`: as for the process.
struct ListenerMax {
  std::uint32_t head = 0;
  std::uint32_t fields = 0;
  std::optional<std::uint64_t> body;  // 0: no bound; unset: as for the process
};

// What one HTTP/2 connection of a client may do.
struct Http2 {
  std::uint32_t streams = 128;                         // open at a time; 1..10000
  Rate resets{500, std::chrono::minutes(1)};           // given up or broken by the client before their end
  Rate control_frames{1000, std::chrono::minutes(1)};  // that ask for nothing
  std::uint32_t continuations = 16;                    // CONTINUATION frames of one header block; 1..1000
};

// What a client's FIN means while its request is being answered.
enum class HalfClosed : std::uint8_t { finish, cancel };

// Requests of HTTP/1 for a host that another certificate names than the one that was shown.
enum class SniMismatch : std::uint8_t { refuse, allow };

struct Listener {
  std::string name;
  Position at;
  Located<std::string>
      address;  // "1.2.3.4:port", "[v6]:port", ":port" or "unix:/path"; canonical, port 0..65535
  bool tls = false;
  // What `protocols` comes to. Under TLS: `h2`, `http1` or both; in the clear: either `http1` or `h2c`.
  bool h2 = false;
  bool http1 = true;
  bool h2c = false;             // HTTP/2 in the clear, with prior knowledge
  bool redirect_https = false;  // `redirect: https`: 308, except below /.well-known/acme-challenge/
  HalfClosed half_closed = HalfClosed::finish;
  SniMismatch sni_mismatch = SniMismatch::refuse;
  std::optional<Timeouts> timeouts;
  ListenerMax max;
};

struct Certificate {
  Position at;
  Located<std::string> cert;  // PEM file, leaf first; absolute after load() (relative ones: to the YAML file)
  Located<std::string> key;
};

struct Tls {
  Position at;
  std::vector<Certificate> certificates;
};

// What becomes of paths with "." or ".." segments, in whatever spelling.
enum class Paths : std::uint8_t { strict, as_is };

struct Route {
  Position at;
  std::vector<Located<std::string>> hosts;   // exact or "*.example.com", canonical; empty: any host
  std::optional<Located<std::string>> path;  // "/x/" prefix, "/x" exact; unset: any path
  std::vector<Located<std::string>> methods;
  Located<std::string> pool;
  Paths paths = Paths::strict;
  std::vector<LimitUse> limits;           // besides its tenant's
  std::optional<std::uint64_t> max_body;  // bytes of a request body; 0: no bound; unset: the tenant's
  Timeouts timeouts;
};

struct Tenant {
  std::string name;  // [a-z0-9-]{1,63}
  Position at;
  std::vector<Located<std::string>> hosts;  // as a route's
  std::optional<Located<std::string>> pool;
  std::vector<Route> routes;
  std::optional<std::vector<LimitUse>> limits;  // unset: those of the defaults
  std::optional<std::uint64_t> max_body;        // as a route's; unset: that of the defaults
  Timeouts timeouts;                            // as a route's
};

struct TenantDefaults {
  std::optional<Located<std::string>> pool;
  std::optional<Located<std::string>> send_header;  // field name that carries the tenant to the application
  std::vector<LimitUse> limits;
  std::optional<std::uint64_t> max_body;  // unset: the listener's
  Timeouts timeouts;                      // as a route's
};

struct Tenants {
  Position at;
  std::optional<Located<std::string>> from_host;  // "{tenant}.example.com"
  std::uint16_t unknown = 404;                    // status for hosts that match nothing; 400..599
  TenantDefaults defaults;
  std::vector<Tenant> items;  // those of `items`, then those of included files in name order
  std::optional<Located<std::string>> include;  // glob of the included files, as written
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { json, combined };  // of the access log
enum class ProcessLogFormat : std::uint8_t { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  std::string access = "off";  // off | stderr | PATH; absolute after load()
  Position access_at;
  LogFormat format = LogFormat::json;
  ProcessLogFormat process = ProcessLogFormat::text;
  bool query = false;  // whether query strings are written
};

// How the names of servers are looked up. Where unset: as the system has it.
struct Resolver {
  std::vector<Located<std::string>> servers;  // "1.2.3.4:53", "[v6]:53"
  std::optional<Duration> timeout;            // of the first try; 100ms..30s
  std::optional<std::uint32_t> tries;         // 1..10
  // How long an answer holds, whatever its TTL says; 1s..24h, min_ttl <= max_ttl.
  Duration min_ttl = std::chrono::seconds(1);
  Duration max_ttl = std::chrono::minutes(5);
};

struct Document {
  std::vector<std::string> files;  // [0] is the main file, as the user named it
  std::uint32_t workers = 0;       // 0: one per usable core; 1..1024
  Position workers_at;             // line 0 where it is not written
  Log log;
  // Loopback "address:port" | "unix:/path" | "off". Where it is not written (line 0) nobody insists on it.
  Located<std::string> admin{"unix:/run/sluice/admin.sock", {}};
  Timeouts timeouts;  // where unset: kDefaultTimeouts
  Max max;
  Http2 http2;
  Resolver resolver;
  std::vector<Located<std::string>> trusted_proxies;  // CIDR blocks or single addresses, syntax checked
  std::vector<Located<std::string>> pass_headers;     // field names, known ones or not
  std::string cdn_loop = "sluice";                    // a name or "off"
  std::vector<Listener> listeners;
  std::optional<Tls> tls;
  std::vector<Limit> limits;
  std::optional<LimitStore> limit_store;  // unset: each process counts for itself
  // Directory for what must survive a restart; absolute after load(). Unset: nothing does.
  std::optional<Located<std::string>> state;
  std::vector<Pool> pools;
  std::vector<Route> routes;
  std::optional<Tenants> tenants;
};

}  // namespace sluice::config
