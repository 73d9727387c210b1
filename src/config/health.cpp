// Checks that ask servers whether they are well.
#include "config/environment.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::uint64_t kMostTenants = 100;

constexpr std::array<std::string_view, 3> kTypeWords{"http", "https", "tcp"};
constexpr Choices kTypes{kTypeWords, {}};
constexpr std::array<std::string_view, 2> kStartWords{"down", "up"};
constexpr Choices kStarts{kStartWords, {}};
constexpr std::array<std::string_view, 3> kMethodWords{"GET", "HEAD", "OPTIONS"};
constexpr Choices kMethods{kMethodWords, {}};

void read_method(const Cursor& at, Health& out) {
  if (const auto index = read_choice(at, kMethods)) out.method = kMethodWords[*index];
}

void read_header(const Cursor& at, std::unordered_map<std::string, Position>& seen, Health& out) {
  const Parsed<std::string> name = parse_check_field(at.key());
  if (!name) at.error_at_key(name.error);
  const auto [first, fresh] = seen.emplace(lower(at.key()), at.key_at());
  if (!fresh) {
    at.error_at_key(
        fmt::format("{} is already set, at {}", quoted(at.key()), at.context().where(first->second)));
  }
  if (auto value = text(at)) out.headers.push_back({name.value, {std::move(*value), at.at()}});
}

void read_headers(const Cursor& at, Health& out) {
  if (!at.expect(Kind::map, "a map of field names and values")) return;
  std::unordered_map<std::string, Position> seen;
  for (const Entry& entry : at.children())
    read_header(at.value(entry), seen, out);
}

void read_tenant_name(const Cursor& at, AsTenants& out) {
  auto name = text(at);
  if (!name) return;
  if (!is_tenant_name(*name)) {
    at.error(fmt::format("{} is no name for a tenant: 1 to 63 of a-z, 0-9 and \"-\"", quoted(*name)));
    return;
  }
  const auto same = std::find_if(out.names.begin(), out.names.end(),
                                 [&](const Located<std::string>& other) { return other.value == *name; });
  if (same == out.names.end()) {
    out.names.push_back({std::move(*name), at.at()});
  } else {
    at.error(
        fmt::format("{} stands in the list already, at {}", quoted(*name), at.context().where(same->at)));
  }
}

void read_as_tenants(const Cursor& at, Health& out) {
  AsTenants& tenants = out.as_tenants.emplace();
  tenants.at = at.key_at();
  if (at.node().kind == Kind::scalar) {
    if (!at.node().quoted && is_tenant_name(at.node().text) && !all_digits(at.node().text) &&
        at.node().text != "all") {
      at.error(fmt::format("expected a list of tenants or a whole number, got {}; write [{}]",
                           quoted(at.node().text), at.node().text));
    } else if (const auto sample = read_whole(at, 1, kMostTenants)) {
      tenants.sample = static_cast<std::uint32_t>(*sample);
    }
  } else if (at.expect(Kind::list, "a list of tenants or a whole number")) {
    read_list(at, [&](const Cursor& item) { read_tenant_name(item, tenants); });
    if (at.children().empty()) at.error("the list is empty; leave the key out instead");
    if (at.children().size() > kMostTenants)
      at.error(fmt::format("at most {} tenants can be asked as", kMostTenants));
  }
}

constexpr std::array kHealthKeys{
    Key<Health>{
        {"type", "`http`, `https` or `tcp`", "`https` where the pool has `tls`, else `http`",
         "How a server is asked: with a request, with a request under TLS as the pool's `tls` says, or "
         "by connecting alone."},
        &set<&Health::type, choice<CheckType, kTypes>>},
    Key<Health>{{"path", "path", "/", "What is asked for; a query may follow."},
                &set<&Health::path, parsed<parse_check_target>>},
    Key<Health>{{"method", "`GET`, `HEAD` or `OPTIONS`", "GET", "Method of the request."}, &read_method},
    Key<Health>{{"host", "host, or host and port",
                 "the server's address; with `as_tenants`, the tenant's host", "`Host` of the request."},
                &set<&Health::host, parsed<parse_check_host>>},
    Key<Health>{{"headers", "map", "none",
                 "Further fields of the request, such as `{ X-Forwarded-Proto: https }`; a value may hold "
                 "`{tenant}`."},
                &read_headers},
    Key<Health>{{"port", "whole number", "the server's own", "Port that is asked, 1 to 65535."},
                &set<&Health::port, whole<1, 65'535>>},
    Key<Health>{{"interval", "duration", "2s", "Time from one check of a server to the next, 100ms to 1h."},
                &set<&Health::interval, duration<100, kHour>>},
    Key<Health>{
        {"jitter", "percentage", "10",
         "How much of the interval it varies by, to either side, so that checks spread out; 0 to 50."},
        &set<&Health::jitter, percentage<0, 50>>},
    Key<Health>{{"timeout", "duration", "`1s`, or `interval` if that is shorter",
                 "Time for a whole check, 10ms to 1h; not longer than `interval`."},
                &set<&Health::timeout, duration<10, kHour>>},
    Key<Health>{{"rise", "whole number", "2", "Checks in a row that a server must pass to be up, 1 to 100."},
                &set<&Health::rise, whole<1, 100>>},
    Key<Health>{
        {"fall", "whole number", "3", "Checks in a row that a server must fail to be down, 1 to 100."},
        &set<&Health::fall, whole<1, 100>>},
    Key<Health>{{"start", "`down` or `up`", "down", "What a server counts as before its first checks."},
                &set<&Health::start, choice<CheckStart, kStarts>>},
    Key<Health>{
        {"as_tenants", "list of tenants or whole number", "none",
         "Tenants that the check asks as, by name or so many of all, 1 to 100; a server must pass for "
         "each. The tenant's name replaces `{tenant}`."},
        &read_as_tenants},
    Key<Health>{{"expect", "map", "status 200 to 399", "What the response must be."},
                &nest<&Health::expect, kExpectSchema>}};

// A check that only connects has no request for these to be part of.
void refuse_on_tcp(const Cursor& at, const Health& health) {
  if (health.type != CheckType::tcp) return;
  const std::string type = at.context().where(at.find("type")->at());
  for (const std::string_view key : {"path", "method", "host", "headers", "as_tenants", "expect"}) {
    const auto written = at.find(key);
    if (!written) continue;
    written->error_at_key(
        fmt::format("{} needs a request, and \"type: tcp\" at {} only connects", quoted(key), type));
  }
}

void refuse_body_of_head(const Cursor& at, const Health& health) {
  const auto expect = at.find("expect");
  if (health.method != "HEAD" || !expect) return;
  for (const std::string_view key : {"body", "body_regex", "json"}) {
    if (const auto written = expect->find(key)) {
      written->error_at_key(
          fmt::format("responses to HEAD have no body; {} needs another \"method\"", quoted(key)));
    }
  }
}

void refuse_placeholder(const Cursor& at) {
  // As it is replaced: "${tenant}" is a variable.
  if (expand(at.node().text).value.find(kTenantPlaceholder) != std::string::npos) {
    at.error("\"{tenant}\" needs \"as_tenants\", which says for which tenants it stands");
  }
  const bool keyed = at.node().kind == Kind::map;
  for (std::size_t i = 0; i < at.children().size(); ++i)
    refuse_placeholder(keyed ? at.value(at.children()[i]) : at.item(i));
}

// In the values that are replaced; where it can never stand, the readers have said so.
void refuse_placeholders(const Cursor& at, const Health& health) {
  if (health.as_tenants) return;
  if (const auto headers = at.find("headers")) refuse_placeholder(*headers);
  const auto expect = at.find("expect");
  if (!expect) return;
  for (const std::string_view key : {"body", "json"}) {
    if (const auto written = expect->find(key)) refuse_placeholder(*written);
  }
}

void settle_timeout(const Cursor& at, Health& health) {
  const auto written = at.find("timeout");
  if (!written) {
    health.timeout = std::min(health.timeout, health.interval);
  } else if (health.timeout > health.interval) {
    const auto interval = at.find("interval");
    written->error(fmt::format("the interval{}, {}, is below the timeout, {}",
                               interval ? " at " + at.context().where(interval->at()) : "",
                               show_duration(health.interval), show_duration(health.timeout)));
  }
}

}  // namespace

constinit const Schema<Health> kHealthSchema{
    {"pools.NAME.health",
     "Checks of every server, beside the traffic. Without this key servers are not asked.",
     {},
     {},
     "interval path type"},
    kHealthKeys};

void read_health(const Cursor& at, Pool& out) {
  Health& health = out.health.emplace();
  health.at = at.key_at();
  if (at.node().kind == Kind::scalar && at.node().text.starts_with('/')) {
    at.error(fmt::format("expected a map, got {0}; write {{ path: {0} }}", quoted(at.node().text)));
    return;
  }
  const std::size_t errors = at.context().out.errors();
  read_map(at, kHealthSchema, health);
  // A value that could not be read has its default, which is not to be compared with.
  if (at.context().out.errors() == errors) settle_timeout(at, health);
  refuse_on_tcp(at, health);
  refuse_body_of_head(at, health);
  refuse_placeholders(at, health);
}

void settle_health(const Cursor& pool, Pool& out) {
  if (!out.health) return;
  const Cursor at = *pool.find("health");
  if (out.tls && !at.find("type")) out.health->type = CheckType::https;
  const auto port = at.find("port");
  if (!port) return;
  const auto local = std::find_if(out.servers.begin(), out.servers.end(), [](const Server& server) {
    return server.address.value.starts_with("unix:");
  });
  if (local == out.servers.end()) return;
  port->error_at_key(fmt::format("the server at {} is a unix socket, which has no ports",
                                 at.context().where(local->address.at)));
}

}  // namespace sluice::config
