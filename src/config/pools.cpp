#include "config/address.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"

#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 1> kBalanceWords{"least_connections"};
constexpr std::array<std::string_view, 4> kLaterBalances{"hash", "least_time", "random_two", "round_robin"};
constexpr Choices kBalances{kBalanceWords, kLaterBalances};

constexpr std::array<std::string_view, 2> kProtocolWords{"http/1.1", "h2"};
constexpr Choices kProtocols{kProtocolWords, {}};

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

// Only one way exists today. A map is what `hash` will look like.
void read_balance(const Cursor& at, Pool&) {
  if (at.node().kind != Kind::map) {
    read_choice(at, kBalances);
  } else if (at.children().size() == 1 && at.children().front().key->text == "hash") {
    at.error("\"hash\" is not supported by this version");
  } else {
    at.expect(Kind::scalar, "least_connections");
  }
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
        &set<&Server::weight, whole<1, 1000>>}};
constexpr std::array<std::string_view, 1> kLaterServerKeys{"backup"};

constexpr std::array kPoolKeys{
    Key<Pool>{{"servers", "list", kRequired, "The servers: an address each, or a map."}, &read_servers},
    Key<Pool>{{"balance", "`least_connections`", "least_connections", "How a server is chosen."},
              &read_balance},
    Key<Pool>{{"protocol", "`http/1.1` or `h2`", "http/1.1",
               "What the servers are spoken to with; `h2` without `tls` is HTTP/2 in the clear."},
              &read_protocol},
    Key<Pool>{{"tls", "boolean or map", "false", "Whether the servers are spoken to under TLS, and how."},
              &read_server_tls},
    Key<Pool>{{"timeouts", "map", "as at the top", "Time limits for the servers of this pool."},
              &nest<&Pool::timeouts, kPoolTimeouts>}};
constexpr std::array<std::string_view, 12> kLaterPoolKeys{
    "canary",  "colors", "flip",    "health", "live",       "max_connections",
    "outlier", "queue",  "resolve", "retry",  "slow_start", "sticky"};

}  // namespace

constinit const Schema<Server> kServerSchema{
    {"pools.NAME.servers[N]", "An address alone, or a map.", kLaterServerKeys}, kServerKeys};
constinit const Schema<PoolTls> kPoolTlsSchema{
    {"pools.NAME.tls", "`true` alone, or a map. Relative paths start from the directory of this file."},
    kPoolTlsKeys};
constinit const Schema<Pool> kPoolSchema{{"pools.NAME", "", kLaterPoolKeys}, kPoolKeys};

void read_pools(const Cursor& at, Document& out) {
  if (!at.expect(Kind::map, "a map of pools")) return;
  if (at.children().empty()) at.error("at least one pool is needed");
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    Pool& pool = out.pools.emplace_back();
    pool.name = read_name(item, "pool");
    pool.at = item.key_at();
    read_map(item, kPoolSchema, pool);
    require_server_name(item, pool);
  }
}

}  // namespace sluice::config
