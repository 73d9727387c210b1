#include "sluice/observe/metrics.hpp"

#include "sluice/observe/counters.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice::observe;

namespace {

bool has(const std::string& text, const std::string& line) {
  return text.find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

TEST_CASE("totals of the process are there from the start", "[observe][metrics]") {
  const std::string before = std::to_string(counted_lost(LogKind::access));
  const std::string text =
      metrics_text({.exchanges = {{{200, 7}}, {{sluice::Side::upstream, sluice::Rule::bare_lf, 5}}, 1, 2},
                    .pools = {},
                    .servers = {},
                    .offload = {3, 4},
                    .ledger = {5, 6, 7},
                    .limits = {}});
  CHECK(has(text, "sluice_build_info{version=\"" SLUICE_VERSION "\"} 1"));
  CHECK(has(text, "sluice_http_requests_total{code=\"200\"} 7"));
  CHECK(has(text, R"(sluice_http_refused_total{side="upstream",rule="bare-lf"} 5)"));
  CHECK(has(text, "sluice_http_request_bytes_total 1"));
  CHECK(has(text, "sluice_http_response_bytes_total 2"));
  CHECK(has(text, "# TYPE sluice_access_log_dropped_total counter"));
  CHECK(has(text, "sluice_access_log_dropped_total " + before));
  CHECK(has(text, "# TYPE sluice_process_log_dropped_total counter"));
  CHECK(has(text, "# TYPE sluice_offload_queue_depth gauge"));
  CHECK(has(text, "sluice_offload_queue_depth 3"));
  CHECK(has(text, "# TYPE sluice_offload_rejected_total counter"));
  CHECK(has(text, "sluice_offload_rejected_total 4"));
  CHECK(has(text, "# TYPE sluice_limit_keys gauge\nsluice_limit_keys 5"));
  CHECK(has(text, "# TYPE sluice_limit_keys_evicted_total counter\nsluice_limit_keys_evicted_total 6"));
  CHECK(has(text, "# TYPE sluice_limit_memory_bytes gauge\nsluice_limit_memory_bytes 7"));
  count_lost(LogKind::access, 2);
  CHECK(has(metrics_text({}),
            "sluice_access_log_dropped_total " + std::to_string(counted_lost(LogKind::access))));
}

TEST_CASE("the store of limits has its metrics where there is one", "[observe][metrics]") {
  CHECK(metrics_text({}).find("sluice_limit_store") == std::string::npos);
  Samples samples;
  samples.store = {.configured = true, .up = true, .nodes = 3, .leases = 7, .errors = 2};
  const std::string text = metrics_text(samples);
  CHECK(has(text, "sluice_limit_store_up 1"));
  CHECK(has(text, "sluice_limit_store_nodes 3"));
  CHECK(has(text, "sluice_limit_store_leases_total 7"));
  CHECK(has(text, "sluice_limit_store_errors_total 2"));
}

TEST_CASE("every reason to end a connection has its line", "[observe][metrics]") {
  const std::string text = metrics_text({});
  for (std::size_t at = 0; at < sluice::http::kAbuses; ++at) {
    const auto reason = static_cast<sluice::http::Abuse>(at);
    CHECK(has(text, "sluice_http2_connections_ended_total{reason=\"" +
                        std::string(sluice::http::to_string(reason)) + "\"} " +
                        std::to_string(counted(reason))));
  }
}

TEST_CASE("connections that were turned away are told by bound", "[observe][metrics]") {
  count(Turnaway::connections_per_ip);
  count(Turnaway::handshakes_per_ip);
  const std::string text = metrics_text({});
  for (const Turnaway bound : {Turnaway::connections, Turnaway::connections_per_ip}) {
    CHECK(has(text, "sluice_connections_rejected_total{reason=\"" + std::string(to_string(bound)) + "\"} " +
                        std::to_string(counted(bound))));
  }
  CHECK(
      has(text, "sluice_handshakes_rejected_total " + std::to_string(counted(Turnaway::handshakes_per_ip))));
}

TEST_CASE("pools and servers have theirs", "[observe][metrics]") {
  const PoolSample pool{"app", {{"connect", 5}, {"503", 1}}, 2, true};
  const ServerSample up{"app", "127.0.0.1:1", true, 4, 0};
  const ServerSample down{"app", "127.0.0.1:2", false, 0, 3};
  const std::string text = metrics_text(
      {.exchanges = {}, .pools = {pool}, .servers = {up, down}, .offload = {}, .ledger = {}, .limits = {}});
  CHECK(has(text, R"(sluice_upstream_up{pool="app",server="127.0.0.1:1"} 1)"));
  CHECK(has(text, R"(sluice_upstream_up{pool="app",server="127.0.0.1:2"} 0)"));
  CHECK(has(text, R"(sluice_upstream_active{pool="app",server="127.0.0.1:1"} 4)"));
  CHECK(has(text, R"(sluice_upstream_ejections_total{pool="app",server="127.0.0.1:2"} 3)"));
  CHECK(has(text, R"(sluice_upstream_retries_total{pool="app",reason="connect"} 5)"));
  CHECK(has(text, R"(sluice_upstream_retries_total{pool="app",reason="503"} 1)"));
  CHECK(has(text, R"(sluice_queue_depth{pool="app"} 2)"));
  CHECK(has(text, R"(sluice_pool_panic{pool="app"} 1)"));
}

TEST_CASE("limits have theirs", "[observe][metrics]") {
  const std::string text = metrics_text({.exchanges = {},
                                         .pools = {},
                                         .servers = {},
                                         .offload = {},
                                         .ledger = {},
                                         .limits = {{"gold", "acme", 7, 0}}});
  CHECK(has(text, R"(sluice_ratelimit_rejected_total{limit="gold",tenant="acme"} 7)"));
  CHECK(has(text, R"(sluice_ratelimit_reported_total{limit="gold",tenant="acme"} 0)"));
}
