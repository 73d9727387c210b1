#include "config/address.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::uint64_t kMostConnections = 1'000'000;

constexpr std::array<std::string_view, 2> kProtocolWords{"http/1.1", "h2"};
constexpr std::array<std::string_view, 5> kLaterProtocols{"h3", "http/3", "http3", "quic", "HTTP/3"};
constexpr Choices kProtocols{kProtocolWords, kLaterProtocols};

std::optional<std::string> server_address(const Cursor& at) {
  return read_parsed(at, [](std::string_view word) { return parse_address(word, Role::server); });
}

void read_server(const Cursor& at, Server& out) {
  if (at.node().kind == Kind::scalar) {
    locate<&Server::address, server_address>(at, out);
  } else if (at.expect(Kind::map, "an address or a map")) {
    read_map(at, kServerSchema, out);
  }
}

void read_servers(const Cursor& at, Pool& out) {
  std::unordered_map<std::string, Position> seen;
  read_list(at, [&](const Cursor& item) {
    Server& server = out.servers.emplace_back();
    read_server(item, server);
    if (server.address.value.empty()) return;
    const auto [first, fresh] = seen.emplace(server.address.value, server.address.at);
    if (fresh) return;
    at.context().out.add(server.address.at, item.path(),
                         fmt::format("{} is already in this pool, at {}", quoted(server.address.value),
                                     at.context().where(first->second)));
  });
  if (at.node().kind == Kind::list && at.children().empty()) at.error("at least one server is needed");
}

void read_protocol(const Cursor& at, Pool& out) {
  if (const auto index = read_choice(at, kProtocols)) out.h2 = kProtocolWords[*index] == "h2";
}

void read_server_tls(const Cursor& at, Pool& out) {
  if (at.node().kind == Kind::map) {
    read_map(at, kPoolTlsSchema, out.tls.emplace());
  } else if (at.node().kind != Kind::scalar) {
    at.expect(Kind::scalar, "true, false or a map");
  } else if (boolean(at).value_or(false)) {
    out.tls.emplace();
  }
}

// A server behind a unix socket has neither a name nor an address that its certificate could be for.
void require_server_name(const Cursor& at, const Pool& pool) {
  const auto servers = at.find("servers");
  if (!servers || !pool.tls || !pool.tls->verify || !pool.tls->server_name.empty()) return;
  for (std::size_t i = 0; i < pool.servers.size(); ++i) {
    const Located<std::string>& address = pool.servers[i].address;
    if (!address.value.starts_with("unix:")) continue;
    at.context().out.add(address.at, servers->item(i).path(),
                         "a unix socket has no name to verify; write \"tls: { server_name: NAME }\"");
  }
}

// Backups wait for the others to fail, and there would be no others.
void require_active_server(const Cursor& at, const Pool& pool) {
  const bool idle =
      std::all_of(pool.servers.begin(), pool.servers.end(), [](const Server& s) { return s.backup; });
  if (idle && !pool.servers.empty()) {
    at.find("servers")->error("every server is a backup; at least one must not be");
  }
}

constexpr std::array kPoolTlsKeys{
    Key<PoolTls>{
        {"verify", "boolean", "true", "Whether the server's certificate is verified, with its name."},
        &set<&PoolTls::verify, boolean>},
    Key<PoolTls>{{"ca", "path", "the system's", "PEM file with the certificates that are trusted."},
                 &locate<&PoolTls::ca, file_path>},
    Key<PoolTls>{{"server_name", "host", "the server's own",
                  "Name that is asked for and verified. A server given by its address is verified by its "
                  "address otherwise; one behind a unix socket needs this key."},
                 &set<&PoolTls::server_name, parsed<parse_server_name>>}};

constexpr std::array kServerKeys{
    Key<Server>{{"address", "address", kRequired,
                 "`host:port`, `[v6]:port` or `unix:/path`; the host may be a name."},
                &locate<&Server::address, server_address>},
    Key<Server>{
        {"weight", "whole number", "1", "Share of the load beside the pool's other servers, 1 to 1000."},
        &set<&Server::weight, whole<1, 1000>>},
    Key<Server>{{"backup", "boolean", "false", "Whether this server is used only while no other one can be."},
                &set<&Server::backup, boolean>},
    Key<Server>{{"max_connections", "whole number", "as on the pool",
                 "Connections to this server at a time, up to 1000000; 0 for any number."},
                &set<&Server::max_connections, limit<kMostConnections>>}};

constexpr std::array kPoolKeys{
    Key<Pool>{{"servers", "list", kRequired, "The servers: an address each, or a map."}, &read_servers},
    Key<Pool>{{"balance", "`least_connections`, `round_robin`, `random_two`, `least_time` or map",
               "least_connections", "How a server is chosen."},
              &read_balance},
    Key<Pool>{{"sticky", "map", "none", "A cookie that brings a client back to its server."}, &read_sticky},
    Key<Pool>{{"protocol", "`http/1.1` or `h2`", "http/1.1",
               "What the servers are spoken to with; `h2` without `tls` is HTTP/2 in the clear."},
              &read_protocol},
    Key<Pool>{{"tls", "boolean or map", "false", "Whether the servers are spoken to under TLS, and how."},
              &read_server_tls},
    Key<Pool>{{"timeouts", "map", "as at the top", "Time limits for the servers of this pool."},
              &nest<&Pool::timeouts, kPoolTimeouts>},
    Key<Pool>{{"max_connections", "whole number", "0",
               "Connections to each server at a time, of all workers together, up to 1000000; 0 for any "
               "number. Over "
               "HTTP/2 it bounds the requests."},
              &set<&Pool::max_connections, limit<kMostConnections>>},
    Key<Pool>{{"queue", "map", "none", "Where requests wait while every server has its `max_connections`."},
              &read_queue},
    Key<Pool>{{"slow_start", "duration", "0",
               "Time in which a server that has come up gets to its full share of the load, up to 1h; 0 for "
               "at once."},
              &set<&Pool::slow_start, duration<0, kHour>>},
    Key<Pool>{{"health", "map", "none", "Checks that ask the servers whether they are well."}, &read_health},
    Key<Pool>{{"outlier", "`off` or map", "off", "Leaving servers alone whose traffic shows errors."},
              &read_outlier},
    Key<Pool>{{"panic", "map", "see below", "What to do when too few servers are healthy."},
              &nest<&Pool::panic, kPanicSchema>},
    Key<Pool>{{"retry", "`off` or map", "see below", "Further tries when a server fails."}, &read_retry}};
constexpr std::array<std::string_view, 5> kLaterPoolKeys{"canary", "colors", "flip", "live", "resolve"};
constexpr std::array kNotOnPools{
    Misplaced{"weight",
              "\"weight\" belongs to a server; write \"{ address: ADDRESS, weight: N }\" in \"servers\""},
    Misplaced{"backup",
              "\"backup\" belongs to a server; write \"{ address: ADDRESS, backup: true }\" in \"servers\""}};
constexpr std::array kNotOnServers{
    Misplaced{"max_fails", "this belongs to the pool; write \"outlier: { consecutive_errors: N }\" there"},
    Misplaced{"fail_timeout", "this belongs to the pool; write \"outlier: { ejection: DURATION }\" there"}};

}  // namespace

constinit const Schema<Server> kServerSchema{
    {"pools.NAME.servers[N]", "An address alone, or a map.", {}, kNotOnServers}, kServerKeys};
constinit const Schema<PoolTls> kPoolTlsSchema{
    {"pools.NAME.tls", "`true` alone, or a map. Relative paths start from the directory of this file."},
    kPoolTlsKeys};
constinit const Schema<Pool> kPoolSchema{{"pools.NAME", "", kLaterPoolKeys, kNotOnPools}, kPoolKeys};

void read_pools(const Cursor& at, Document& out) {
  if (!at.expect(Kind::map, "a map of pools")) return;
  if (at.children().empty()) at.error("at least one pool is needed");
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    if (refuse_top_key(item, "servers")) continue;
    Pool& pool = out.pools.emplace_back();
    pool.name = read_name(item, "pool");
    pool.at = item.key_at();
    if (item.node().kind == Kind::scalar || item.node().kind == Kind::list) {
      item.error("expected a map, got servers alone; write { servers: [ADDRESS, …] }");
      continue;
    }
    read_map(item, kPoolSchema, pool);
    require_server_name(item, pool);
    require_active_server(item, pool);
    settle_health(item, pool);
    check_queue(item, pool);
  }
}

void require_tenants(const Cursor& top, const Document& out) {
  const auto pools = top.find("pools");
  if (out.tenants || !pools || top.doubtful("tenants")) return;
  for (std::size_t i = 0; i < out.pools.size(); ++i) {
    const Cursor pool = *pools->find(out.pools[i].name);
    if (out.pools[i].health && out.pools[i].health->as_tenants) {
      const Cursor health = *pool.find("health");
      health.find("as_tenants")->error_at_key("\"as_tenants\" needs \"tenants\" at the top of the file");
    }
    const Balance& balance = out.pools[i].balance;
    if (balance.by == Balancing::hash && balance.hash == HashBy::tenant) {
      const Cursor at = *pool.find("balance");
      at.find("hash")->error("\"tenant\" needs \"tenants\" at the top of the file");
    }
  }
}

}  // namespace sluice::config
