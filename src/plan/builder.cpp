#include "sluice/plan/plan.hpp"

#include "plan/certificates.hpp"
#include "plan/checks.hpp"
#include "plan/forwarding.hpp"
#include "plan/limit_checks.hpp"
#include "plan/log_place.hpp"
#include "plan/nearest.hpp"
#include "plan/pattern.hpp"
#include "plan/rules.hpp"
#include "plan/sockets.hpp"
#include "plan/state_place.hpp"
#include "plan/time_limits.hpp"
#include "plan/treatments.hpp"
#include "plan/unreachable.hpp"
#include "plan/wires.hpp"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

using config::Position;

constexpr std::uint64_t kMostPerMinute = 1'000'000'000;
constexpr std::uint64_t kMinute = 60'000;

constexpr std::uint16_t kNotFound = 404;

std::uint32_t per_minute(const config::Rate& rate) {
  const std::uint64_t count = rate.count * kMinute / static_cast<std::uint64_t>(rate.period.count());
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(count, 1, kMostPerMinute));
}

http::Http2Limits http2_limits(const config::Http2& from) {
  return {from.streams, per_minute(from.resets), per_minute(from.control_frames), from.continuations};
}

}  // namespace

// Builds one plan. Each step adds its errors and goes on, so that the operator sees all of them.
class Builder {
 public:
  Builder(std::shared_ptr<const config::Document> document, const Plan* previous,
          std::shared_ptr<const tls::TicketKeys> tickets, config::Diagnostics& diagnostics)
      : plan_(std::make_shared<Plan>()),
        doc_(*document),
        previous_(previous),
        tickets_(std::move(tickets)),
        diagnostics_(diagnostics),
        wires_(diagnostics),
        treatments_(doc_, plan_->treatments_, diagnostics) {
    plan_->document_ = std::move(document);
  }

  std::shared_ptr<const Plan> build() {
    plan_->drain_ = pick({doc_.timeouts.drain}, *config::kDefaultTimeouts.drain);
    plan_->files_ = doc_.files;
    plan_->connections_ = {doc_.max.connections, doc_.max.connections_per_ip,
                           doc_.max.connections_per_ip_v6_prefix,
                           doc_.max.handshakes_per_ip.value_or(config::Rate{})};
    plan_->unknown_ = unknown(doc_.tenants ? doc_.tenants->unknown : kNotFound);
    for (const auto& block : doc_.trusted_proxies)
      plan_->trusted_.add(block.value);
    plan_->forwarding_ = make_forwarding_rules(doc_, diagnostics_);
    pools();
    listeners();
    if (doc_.tenants) classes(*doc_.tenants);
    routes();
    if (doc_.tenants) tenants(*doc_.tenants);
    if (doc_.routes.empty() && !doc_.tenants && !in_doubt({"routes", "tenants"})) {
      error({0, 1, 1}, "", "nothing to serve: neither routes nor tenants are configured");
    }
    check_unreachable(doc_, diagnostics_);
    check_limits(doc_, diagnostics_);
    plan_->routes_.finish();
    certificates();
    check_sockets(*plan_, previous_, diagnostics_);
    check_log(doc_.log, diagnostics_);
    check_state(doc_, previous_, diagnostics_);
    if (diagnostics_.failed()) return nullptr;
    return plan_;
  }

 private:
  void error(Position at, std::string path, std::string_view message) {
    diagnostics_.add(at, std::move(path), message);
  }

  // Whether one of them may be written, although it was not found: that has its error already.
  bool in_doubt(std::initializer_list<std::string> paths) const {
    return std::any_of(paths.begin(), paths.end(),
                       [&](const std::string& path) { return diagnostics_.doubtful(path); });
  }

  void warn(Position at, std::string path, std::string_view message) {
    diagnostics_.warn(at, std::move(path), message);
  }

  void pools() {
    if (previous_ != nullptr) {
      for (const Pool& pool : previous_->pools_)
        wires_.know(pool.wire);
    }
    for (const config::Pool& from : doc_.pools) {
      Pool pool;
      pool.name = from.name;
      pool.limits = upstream_limits(doc_, from.timeouts, {});
      pool.drain = pick({from.timeouts.drain, doc_.timeouts.drain}, *config::kDefaultTimeouts.drain);
      pool.wire = wires_.get(from);
      pool.balance = balance_of(from);
      pool.rules = rules_of(from);
      if (from.health) pool.checks = make_checks(doc_, from, pool.wire, diagnostics_);
      if (checks_blindly(from)) {
        warn(from.health->at, "pools." + from.name + ".health",
             "type: https verifies no certificate, since the pool has no tls to say how");
      }
      for (const config::Server& server : from.servers)
        pool.servers.push_back(make_server(server, from.max_connections));
      pool_index_.emplace(pool.name, static_cast<std::uint32_t>(plan_->pools_.size()));
      plan_->pools_.push_back(std::move(pool));
    }
  }

  static Server make_server(const config::Server& from, std::uint32_t max_connections) {
    Server server;
    server.weight = from.weight;
    server.backup = from.backup;
    server.most_active = from.max_connections.value_or(max_connections);
    server.at = from.address.at;
    if (const auto address = SocketAddress::parse(from.address.value)) {
      server.address = *address;
    } else if (const auto parts = split_host_port(from.address.value)) {
      server.host = parts->host;
      server.port = parts->port;
    }
    return server;
  }

  void listeners() {
    for (const config::Listener& from : doc_.listeners) {
      Listener listener;
      listener.name = from.name;
      listener.at = from.at;
      listener.address_text = from.address.value;
      listener.tls = from.tls;
      listener.h2 = from.h2;
      listener.http1 = from.http1;
      listener.h2c = from.h2c;
      if (from.redirect_https) listener.action = RedirectToHttps{};
      const config::Timeouts own = from.timeouts.value_or(config::Timeouts{});
      listener.settings.header = pick({own.header, doc_.timeouts.header}, *config::kDefaultTimeouts.header);
      listener.settings.idle = pick({own.idle, doc_.timeouts.idle}, *config::kDefaultTimeouts.idle);
      listener.settings.body = pick({own.body, doc_.timeouts.body}, *config::kDefaultTimeouts.body);
      listener.drain = pick({own.drain, doc_.timeouts.drain}, *config::kDefaultTimeouts.drain);
      listener.settings.refuse_mismatch = from.sni_mismatch == config::SniMismatch::refuse;
      listener.settings.max_body = from.max.body.value_or(doc_.max.body);
      if (from.half_closed == config::HalfClosed::cancel)
        listener.settings.half_closed = http::HalfClosed::cancel;
      listener.settings.limits = {from.max.head != 0 ? from.max.head : doc_.max.head,
                                  from.max.fields != 0 ? from.max.fields : doc_.max.fields};
      listener.settings.http2 = http2_limits(doc_.http2);
      if (const auto address = SocketAddress::parse(from.address.value)) {
        listener.address = *address;
      } else if (!from.address.value.empty()) {
        error(from.address.at, "listeners." + from.name, "a listener needs a numeric address or unix:/path");
      }
      plan_->listeners_.push_back(std::move(listener));
    }
    const auto& all = plan_->listeners_;
    if (std::any_of(all.begin(), all.end(), [](const Listener& l) { return l.tls; })) return;
    if (diagnostics_.doubtful_within("listeners")) return;
    for (const Listener& listener : all) {
      if (!listener.action) continue;
      error(listener.at, "listeners." + listener.name,
            "redirect: https needs a listener with tls: true to go to");
    }
  }

  // The index of a pool, 0 with an error when there is none of that name.
  std::uint32_t pool_of(const config::Located<std::string>& name, const std::string& path) {
    if (const auto found = pool_index_.find(name.value); found != pool_index_.end()) return found->second;
    if (name.value.empty()) return 0;  // missing, and reported as that
    if (in_doubt({"pools", "pools." + name.value})) return 0;
    error(name.at, path,
          fmt::format("there is no pool \"{}\"{}", name.value,
                      nearest_of(name.value, plan_->pools_, diagnostics_)));
    return 0;
  }

  static Fixed unknown(std::uint16_t status) {
    return {{status, "destination_not_found", "no tenant or route matches"}};
  }

  // Everything but how it is treated.
  static Route make_route(const config::Route& from) {
    Route route;
    route.at = from.at;
    route.dots = from.paths == config::Paths::as_is;
    for (const auto& method : from.methods)
      route.methods.push_back(method.value);
    if (from.path) {
      route.path = from.path->value;
      if (route.path.ends_with("/*")) route.path.pop_back();
      route.prefix = route.path.ends_with('/');
    }
    return route;
  }

  // Before the routes that all of them share.
  void classes(const config::Tenants& from) {
    const Wishes defaults = treatments_.of_defaults(from.defaults);
    default_class_ = treatments_.class_of(defaults);
    tenant_classes_.reserve(from.items.size());
    for (const config::Tenant& item : from.items) {
      const std::string path = "tenants.items." + item.name;
      tenant_classes_.push_back(treatments_.class_of(treatments_.of_tenant(item, defaults, path)));
    }
  }

  void routes() {
    for (std::size_t i = 0; i < doc_.routes.size(); ++i) {
      const config::Route& from = doc_.routes[i];
      const std::string path = fmt::format("routes[{}]", i);
      Route route = make_route(from);
      route.treated =
          treatments_.for_all(pool_of(from.pool, path + ".pool"), treatments_.of_route(from, path));
      if (from.hosts.empty()) plan_->routes_.add_common(route);
      for (std::size_t j = 0; j < from.hosts.size(); ++j) {
        const auto& host = from.hosts[j];
        plan_->routes_.add_host_route(host.value, route);
        hosts_.push_back({host.value, host.at, fmt::format("{}.hosts[{}]", path, j)});
      }
    }
  }

  void tenants(const config::Tenants& from) {
    if (from.defaults.pool) pool_of(*from.defaults.pool, "tenants.defaults.pool");
    if (from.defaults.send_header) plan_->tenant_header_ = from.defaults.send_header->value;
    std::string suffix;
    if (from.from_host) {
      suffix = pattern_suffix(from.from_host->value);
      if (suffix.empty()) {
        error(from.from_host->at, "tenants.from_host",
              "expected \"{tenant}.\" and a domain, as in \"{tenant}.example.com\"");
      }
    }
    if (!suffix.empty()) {
      auto defaults = std::make_unique<Tenant>();
      defaults->its_class = default_class_;
      set_pool(*defaults, from.defaults.pool, "tenants.defaults.pool");
      if (!defaults->has_pool && doc_.routes.empty() && !in_doubt({"tenants.defaults.pool", "routes"})) {
        error(from.at, "tenants.defaults",
              "tenants found by from_host need a default pool, or common routes");
      }
      defaults_ = std::move(defaults);
      plan_->routes_.set_pattern(suffix, defaults_.get());
      hosts_.push_back({"*" + suffix, from.from_host->at, "tenants.from_host"});
    }
    for (std::size_t i = 0; i < from.items.size(); ++i)
      tenant(from.items[i], from, suffix, tenant_classes_[i]);
    if (defaults_ != nullptr) plan_->routes_.keep(std::move(defaults_));
  }

  void tenant(const config::Tenant& item, const config::Tenants& all, const std::string& suffix,
              std::uint32_t its_class) {
    const std::string path = "tenants.items." + item.name;
    auto made = std::make_unique<Tenant>();
    made->name = item.name;
    made->its_class = its_class;
    for (std::size_t i = 0; i < item.routes.size(); ++i) {
      const std::string place = fmt::format("{}.routes[{}]", path, i);
      Route route = make_route(item.routes[i]);
      route.treated = treatments_.for_one(pool_of(item.routes[i].pool, place + ".pool"),
                                          treatments_.of_route(item.routes[i], place), made->its_class);
      made->own.add(std::move(route));
    }
    set_pool(*made, item.pool ? item.pool : all.defaults.pool,
             item.pool ? path + ".pool" : "tenants.defaults.pool");
    if (!made->has_pool && made->own.empty() && doc_.routes.empty() &&
        !in_doubt({path + ".pool", path + ".routes", "tenants.defaults.pool", "routes"})) {
      error(item.at, path, "no pool: give the tenant one, or set tenants.defaults.pool");
    }
    if (suffix.empty() && item.hosts.empty() && !diagnostics_.doubtful_within(path + ".hosts") &&
        !in_doubt({"tenants.from_host"})) {
      error(item.at, path, "no host leads to this tenant: give it hosts, or set tenants.from_host");
    }
    const Tenant& kept = plan_->routes_.keep(std::move(made));
    if (!suffix.empty()) claim(item.name + suffix, kept, item.at, path);
    for (std::size_t i = 0; i < item.hosts.size(); ++i) {
      const std::string host_path = fmt::format("{}.hosts[{}]", path, i);
      claim(item.hosts[i].value, kept, item.hosts[i].at, host_path);
      hosts_.push_back({item.hosts[i].value, item.hosts[i].at, host_path});
    }
  }

  void claim(const std::string& host, const Tenant& tenant, Position at, const std::string& path) {
    if (plan_->routes_.add_tenant_host(host, tenant)) return;
    const Match other = plan_->routes_.find(host, "/", "GET");
    error(at, path, fmt::format("host \"{}\" belongs to tenant \"{}\" already", host, other.tenant));
  }

  void set_pool(Tenant& tenant, const std::optional<config::Located<std::string>>& pool,
                const std::string& path) {
    if (!pool) return;
    tenant.has_pool = true;
    tenant.pool.at = pool->at;
    tenant.pool.treated = treatments_.for_one(pool_of(*pool, path), {}, tenant.its_class);
  }

  void certificates() {
    const auto& listeners = plan_->listeners_;
    const bool needed =
        std::any_of(listeners.begin(), listeners.end(), [](const Listener& l) { return l.tls; });
    Certificates certificates(doc_, previous_ != nullptr ? previous_->certificates_.get() : nullptr,
                              diagnostics_);
    const std::shared_ptr<const tls::CertificateIndex> index = certificates.load();
    plan_->certificates_ = index;
    if (!needed) {
      if (!doc_.tls || diagnostics_.doubtful_within("listeners")) return;
      return error(doc_.tls->at, "tls",
                   "no listener has \"tls: true\", so nobody would be shown these certificates");
    }
    if ((!doc_.tls || doc_.tls->certificates.empty()) && !diagnostics_.doubtful_within("tls")) {
      for (const Listener& listener : listeners) {
        if (listener.tls)
          error(listener.at, "listeners." + listener.name, "tls: true needs tls.certificates");
      }
    }
    if (index->empty()) return;
    plan_->tls_ = std::make_shared<tls::ServerContext>(index, tickets_);
    certificates.warn_uncovered(*index, hosts_);
    const auto& routes = doc_.routes;
    if (std::none_of(routes.begin(), routes.end(), [](const auto& route) { return route.hosts.empty(); }))
      certificates.warn_useless(*index, hosts_);
  }

  std::shared_ptr<Plan> plan_;
  const config::Document& doc_;
  const Plan* previous_;
  std::shared_ptr<const tls::TicketKeys> tickets_;
  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string, std::uint32_t> pool_index_;
  Wires wires_;
  Treatments treatments_;
  std::uint32_t default_class_ = 0;            // of tenants that are not listed
  std::vector<std::uint32_t> tenant_classes_;  // of those that are
  std::unique_ptr<Tenant> defaults_;
  std::vector<HostAt> hosts_;  // every host a client may ask for over TLS
};

std::shared_ptr<const Plan> Plan::build(std::shared_ptr<const config::Document> document,
                                        const Plan* previous, std::shared_ptr<const tls::TicketKeys> tickets,
                                        config::Diagnostics& diagnostics) {
  return Builder(std::move(document), previous, std::move(tickets), diagnostics).build();
}

bool Plan::redirects_to_https() const {
  return std::any_of(listeners_.begin(), listeners_.end(), [](const Listener& l) { return l.action; });
}

bool Plan::certificates_changed() const {
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    if (pools_[i].wire->key != wire_key(document_->pools[i])) return true;
  }
  const auto& all = certificates_->identities();
  return std::any_of(all.begin(), all.end(),
                     [](const auto& identity) { return !identity->files_unchanged(); });
}

}  // namespace sluice::plan
