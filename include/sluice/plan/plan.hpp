// What runs: everything that serves requests, built from the Document and immutable from then on. `check`,
// `run` and `reload` build the same plan by the same builder, so they cannot disagree about a file.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/config/load.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/service.hpp"
#include "sluice/plan/route.hpp"
#include "sluice/tls/server_context.hpp"
#include "sluice/upstream/balance/spec.hpp"
#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/health/checker.hpp"
#include "sluice/upstream/rules.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::plan {

struct Listener {
  std::string name;
  std::string address_text;  // as configured: what tells one listener from another across reloads
  SocketAddress address;
  config::Position at;
  bool tls = false;
  // Under TLS `h2`, `http1` or both; in the clear either `http1` or `h2c`.
  bool h2 = false;
  bool http1 = true;
  bool h2c = false;
  std::optional<Action> action;  // of all its requests but ACME's challenges; unset: that of the route
  http::ServerSettings settings;
  Nanos drain = 0;  // for its connections when a reload removes it
};

// A server as configured: one address, or a name that resolves to any number of them.
struct Server {
  std::string host;  // empty when `address` is set
  std::uint16_t port = 0;
  SocketAddress address;
  std::uint32_t weight = 1;
  bool backup = false;
  std::uint32_t most_active = 0;  // requests under way; 0: any number
  config::Position at;
};

struct Pool {
  std::string name;
  std::vector<Server> servers;
  upstream::Limits limits;
  upstream::BalanceSpec balance;
  upstream::Rules rules;
  std::shared_ptr<const upstream::CheckPlan> checks;  // empty: its servers are not asked how they are
  std::shared_ptr<const upstream::Wire> wire;         // never empty; the same one for pools with the same key
  Nanos drain = 0;  // for what is under way when a reload removes the pool or a server of it
};

// Of clients' connections; 0: any number, of a rate too.
struct ConnectionLimits {
  std::uint32_t all = 0;
  std::uint32_t per_ip = 0;
  std::uint32_t v6_prefix = 64;    // bits of an IPv6 address that count as one client
  config::Rate handshakes_per_ip;  // TLS handshakes
};

class Plan {
 public:
  // Adds what is to be said to `diagnostics`; the result is empty when there is an error, also from before.
  // `previous` lends what was read from files that have not changed: certificates, and ways to servers.
  static std::shared_ptr<const Plan> build(std::shared_ptr<const config::Document> document,
                                           const Plan* previous,
                                           std::shared_ptr<const tls::TicketKeys> tickets,
                                           config::Diagnostics& diagnostics);

  const config::Document& document() const { return *document_; }
  std::shared_ptr<const config::Document> shared_document() const { return document_; }
  const std::vector<Listener>& listeners() const { return listeners_; }
  bool redirects_to_https() const;  // whether a listener does
  const std::vector<Pool>& pools() const { return pools_; }
  const RouteTable& routes() const { return routes_; }
  const AddressSet& trusted_proxies() const { return trusted_; }
  const http::ForwardingRules& forwarding() const { return forwarding_; }
  // Set when a listener has TLS.
  const std::shared_ptr<const tls::ServerContext>& tls() const { return tls_; }
  // Of a request that no tenant and no route matches.
  const Action& unknown() const { return unknown_; }
  // The file that a position is in.
  const std::string& file_of(config::Position at) const { return files_[at.file]; }
  const ConnectionLimits& connections() const { return connections_; }
  std::uint64_t http2_windows() const { return document_->max.http2_windows; }  // bytes of the process
  const std::string& tenant_header() const { return tenant_header_; }
  Nanos drain() const { return drain_; }
  // Whether a file with certificates, of ours or to trust, changed since it was read.
  bool certificates_changed() const;

 private:
  friend class Builder;
  std::shared_ptr<const config::Document> document_;
  std::vector<std::string> files_;
  std::vector<Listener> listeners_;
  std::vector<Pool> pools_;
  TreatmentStore treatments_;
  RouteTable routes_;  // points into them
  AddressSet trusted_;
  http::ForwardingRules forwarding_;
  std::shared_ptr<const tls::ServerContext> tls_;
  std::shared_ptr<const tls::CertificateIndex> certificates_;
  std::string tenant_header_;
  Nanos drain_ = 0;
  ConnectionLimits connections_;
  Action unknown_;
};

// What `sluice check` prints about a plan: listeners, tenants, pools, certificates with what they cover.
std::string summary(const Plan& plan);

}  // namespace sluice::plan
