#include "sluice/observe/metrics.hpp"

#include "sluice/observe/counters.hpp"

#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace sluice::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Families = std::vector<MetricFamily>;

ClientMetric labelled(std::string label, std::string value) {
  ClientMetric out;
  out.label.push_back({std::move(label), std::move(value)});
  return out;
}

MetricFamily build_info() {
  ClientMetric info = labelled("version", SLUICE_VERSION);
  info.gauge.value = 1;
  return {"sluice_build_info", "Which build runs; always 1.", MetricType::Gauge, {std::move(info)}};
}

// Every reason is there from the start, so that a rate over the first one is right.
MetricFamily abuse() {
  MetricFamily out{"sluice_http2_connections_ended_total",
                   "HTTP/2 connections ended because of what their clients did.",
                   MetricType::Counter,
                   {}};
  for (std::size_t at = 0; at < http::kAbuses; ++at) {
    const auto reason = static_cast<http::Abuse>(at);
    ClientMetric metric = labelled("reason", std::string(http::to_string(reason)));
    metric.counter.value = static_cast<double>(counted(reason));
    out.metric.push_back(std::move(metric));
  }
  return out;
}

MetricFamily connections_rejected() {
  MetricFamily out{"sluice_connections_rejected_total",
                   "Client connections closed at once, by the bound of max that they were beyond.",
                   MetricType::Counter,
                   {}};
  for (const Turnaway bound : {Turnaway::connections, Turnaway::connections_per_ip}) {
    ClientMetric metric = labelled("reason", std::string(to_string(bound)));
    metric.counter.value = static_cast<double>(counted(bound));
    out.metric.push_back(std::move(metric));
  }
  return out;
}

MetricFamily single(std::string name, std::string help, MetricType type, std::uint64_t value) {
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = static_cast<double>(value);
  return {std::move(name), std::move(help), type, {std::move(metric)}};
}

ClientMetric labelled(const ServerSample& server) {
  ClientMetric out;
  out.label = {{"pool", server.pool}, {"server", server.server}};
  return out;
}

ClientMetric labelled(const LimitSample& limit) {
  ClientMetric out;
  out.label = {{"limit", limit.limit}, {"tenant", limit.tenant}};
  return out;
}

ClientMetric labelled(const PoolSample& pool) { return labelled("pool", pool.pool); }

// A metric for each of `samples`.
template <class Sample, class Value>
MetricFamily family(std::string name, std::string help, MetricType type, const std::vector<Sample>& samples,
                    Value value) {
  MetricFamily out{std::move(name), std::move(help), type, {}};
  for (const Sample& sample : samples) {
    ClientMetric metric = labelled(sample);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        static_cast<double>(value(sample));
    out.metric.push_back(std::move(metric));
  }
  return out;
}

MetricFamily requests(const Totals::Sum& exchanges) {
  MetricFamily out{"sluice_http_requests_total",
                   "Requests that are over, by the status the client was told; 0: none.",
                   MetricType::Counter,
                   {}};
  for (const auto& [status, count] : exchanges.requests) {
    ClientMetric metric = labelled("code", std::to_string(status));
    metric.counter.value = static_cast<double>(count);
    out.metric.push_back(std::move(metric));
  }
  return out;
}

MetricFamily refused(const Totals::Sum& exchanges) {
  MetricFamily out{"sluice_http_refused_total",
                   "Messages and connections that broke a rule, of clients and of servers.",
                   MetricType::Counter,
                   {}};
  for (const auto& [side, rule, count] : exchanges.refused) {
    ClientMetric metric;
    metric.label = {{"side", side == Side::upstream ? "upstream" : "downstream"},
                    {"rule", std::string(to_string(rule))}};
    metric.counter.value = static_cast<double>(count);
    out.metric.push_back(std::move(metric));
  }
  return out;
}

MetricFamily retries(const std::vector<PoolSample>& pools) {
  MetricFamily out{"sluice_upstream_retries_total",
                   "Requests sent to another server, by why the one before would not do.",
                   MetricType::Counter,
                   {}};
  for (const PoolSample& pool : pools) {
    for (const auto& [reason, count] : pool.retries) {
      ClientMetric metric;
      metric.label = {{"pool", pool.pool}, {"reason", reason}};
      metric.counter.value = static_cast<double>(count);
      out.metric.push_back(std::move(metric));
    }
  }
  return out;
}

Families of_exchanges(const Totals::Sum& exchanges) {
  return {requests(exchanges), refused(exchanges),
          single("sluice_http_request_bytes_total", "Bytes of request bodies that came from clients.",
                 MetricType::Counter, exchanges.bytes_in),
          single("sluice_http_response_bytes_total", "Bytes of response bodies that went to clients.",
                 MetricType::Counter, exchanges.bytes_out)};
}

Families of_connections() {
  return {abuse(), connections_rejected(),
          single("sluice_handshakes_rejected_total",
                 "Client connections closed before their TLS handshake, beyond max.handshakes_per_ip.",
                 MetricType::Counter, counted(Turnaway::handshakes_per_ip))};
}

Families of_process(const OffloadSample& offload) {
  return {
      build_info(),
      single("sluice_access_log_dropped_total", "Lines of the access log that could not be written in time.",
             MetricType::Counter, counted_lost(LogKind::access)),
      single("sluice_process_log_dropped_total",
             "Lines of the process log that could not be written in time.", MetricType::Counter,
             counted_lost(LogKind::process)),
      single("sluice_offload_queue_depth", "Work that waits for a thread of the offload.", MetricType::Gauge,
             offload.queued),
      single("sluice_offload_rejected_total", "Work refused because too much waited for the offload.",
             MetricType::Counter, offload.rejected)};
}

Families of_servers(const std::vector<ServerSample>& servers) {
  return {family("sluice_upstream_up", "Whether the server takes new requests.", MetricType::Gauge, servers,
                 [](const ServerSample& server) { return server.up ? 1 : 0; }),
          family("sluice_upstream_active", "Requests under way at the server.", MetricType::Gauge, servers,
                 [](const ServerSample& server) { return server.active; }),
          family("sluice_upstream_ejections_total",
                 "How often a server was taken out for what its traffic showed.", MetricType::Counter,
                 servers, [](const ServerSample& server) { return server.ejections; })};
}

Families of_pools(const std::vector<PoolSample>& pools) {
  return {retries(pools),
          family("sluice_queue_depth", "Requests that wait for a server with room.", MetricType::Gauge, pools,
                 [](const PoolSample& pool) { return pool.queued; }),
          family("sluice_pool_panic", "Whether too few of the pool's servers are well.", MetricType::Gauge,
                 pools, [](const PoolSample& pool) { return pool.panic ? 1 : 0; })};
}

Families of_limits(const LedgerSample& ledger, const std::vector<LimitSample>& limits) {
  return {
      single("sluice_limit_keys", "Whom limits remember: buckets that are not full, and counts.",
             MetricType::Gauge, ledger.keys),
      single("sluice_limit_keys_evicted_total", "Buckets forgotten before they were full, to make room.",
             MetricType::Counter, ledger.evicted),
      single("sluice_limit_memory_bytes", "Memory for whom limits remember.", MetricType::Gauge,
             ledger.memory),
      family("sluice_ratelimit_rejected_total", "Requests that a limit refused.", MetricType::Counter, limits,
             [](const LimitSample& limit) { return limit.rejected; }),
      family("sluice_ratelimit_reported_total", "Requests that a limit in report mode would have refused.",
             MetricType::Counter, limits, [](const LimitSample& limit) { return limit.reported; })};
}

Families of_orders(const OrderSample& orders) {
  return {single("sluice_bans", "Bans of addresses and blocks that hold.", MetricType::Gauge, orders.bans),
          single("sluice_banned_requests_total", "Requests refused because of a ban.", MetricType::Counter,
                 orders.banned_requests),
          single("sluice_tenants_held", "Tenants that an operator has put on hold.", MetricType::Gauge,
                 orders.held),
          single("sluice_held_requests_total", "Requests refused because their tenant is on hold.",
                 MetricType::Counter, counted_held())};
}

// Nothing where there is none.
Families of_store(const StoreSample& store) {
  if (!store.configured) return {};
  return {single("sluice_limit_store_up", "Whether the store of shared limits is reached.", MetricType::Gauge,
                 store.up ? 1 : 0),
          single("sluice_limit_store_nodes", "Nodes that count in the store; 0 while it is not reached.",
                 MetricType::Gauge, store.nodes),
          single("sluice_limit_store_leases_total", "Asks for tokens that the store answered.",
                 MetricType::Counter, store.leases),
          single("sluice_limit_store_errors_total",
                 "How often the store could not be reached, was lost, or refused to work.",
                 MetricType::Counter, store.errors)};
}

}  // namespace

std::string metrics_text(const Samples& samples) {
  std::string out;
  for (const Families& subject :
       {of_process(samples.offload), of_connections(), of_exchanges(samples.exchanges),
        of_servers(samples.servers), of_pools(samples.pools), of_limits(samples.ledger, samples.limits),
        of_orders(samples.orders), of_store(samples.store)}) {
    out += prometheus::TextSerializer().Serialize(subject);
  }
  return out;
}

}  // namespace sluice::observe
