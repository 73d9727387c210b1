#include "config/synonyms.hpp"

#include "sluice/config/load.hpp"

#include "config/schemas.hpp"
#include "config/text.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// What another proxy or a plain guess calls it, and what we do: of several words the first that the place
// knows.
struct Synonym {
  std::string_view word;
  std::string_view ours;
};

// Of nginx, HAProxy, Caddy, Traefik and Envoy. In byte order.
constexpr std::array kKeys{Synonym{"access_log", "access log.access"},
                           Synonym{"accesslog", "access log.access"},
                           Synonym{"acl", "path"},
                           Synonym{"acls", "routes"},
                           Synonym{"addr", "address"},
                           Synonym{"addresses", "servers"},
                           Synonym{"algorithm", "balance"},
                           Synonym{"alpn", "protocols"},
                           Synonym{"api", "admin"},
                           Synonym{"apps", ""},
                           Synonym{"backend", "pool pools"},
                           Synonym{"backends", "servers pools"},
                           Synonym{"balancer", "balance"},
                           Synonym{"bind", "address listeners"},
                           Synonym{"ca_cert", "ca"},
                           Synonym{"ca_file", "ca"},
                           Synonym{"cafile", "ca"},
                           Synonym{"cert_file", "cert"},
                           Synonym{"certfile", "cert"},
                           Synonym{"certificate", "cert certificates"},
                           Synonym{"certificate_file", "cert"},
                           Synonym{"certs", "certificates"},
                           Synonym{"check", "health"},
                           Synonym{"checks", "health"},
                           Synonym{"client_body_timeout", "body"},
                           Synonym{"client_header_timeout", "header"},
                           Synonym{"client_max_body_size", "body max.body"},
                           Synonym{"cluster", "pool"},
                           Synonym{"clusters", "pools"},
                           Synonym{"concurrency", "workers"},
                           Synonym{"connect_timeout", "connect timeouts.connect"},
                           Synonym{"connection_limit", "max_connections connections"},
                           Synonym{"cookie", "sticky"},
                           Synonym{"crt", "cert certificates"},
                           Synonym{"customers", "tenants"},
                           Synonym{"dashboard", "admin"},
                           Synonym{"default", "defaults"},
                           Synonym{"default_backend", "pool defaults"},
                           Synonym{"dns", "resolver"},
                           Synonym{"domain", "hosts"},
                           Synonym{"domains", "hosts"},
                           Synonym{"endpoint", "address"},
                           Synonym{"endpoints", "servers listeners"},
                           Synonym{"entry_points", "listeners"},
                           Synonym{"entrypoint", "listeners"},
                           Synonym{"entrypoints", "listeners"},
                           Synonym{"error_log", "log"},
                           Synonym{"events", ""},
                           Synonym{"expect_status", "status expect"},
                           Synonym{"expected_status", "status"},
                           Synonym{"fail_timeout", "ejection outlier.ejection"},
                           Synonym{"filters", ""},
                           Synonym{"force_https", "redirect"},
                           Synonym{"from", "address hosts path"},
                           Synonym{"frontend", "listeners"},
                           Synonym{"frontends", "listeners"},
                           Synonym{"global", ""},
                           Synonym{"handle", "routes"},
                           Synonym{"handlers", ""},
                           Synonym{"header", "send_header"},
                           Synonym{"header_size", "head"},
                           Synonym{"headers_timeout", "header"},
                           Synonym{"health_check", "health"},
                           Synonym{"health_checks", "health"},
                           Synonym{"health_uri", "path"},
                           Synonym{"healthcheck", "health"},
                           Synonym{"healthchecks", "health"},
                           Synonym{"host", "hosts address"},
                           Synonym{"hostname", "hosts server_name"},
                           Synonym{"hostnames", "hosts"},
                           Synonym{"hosts", "servers"},
                           Synonym{"http", ""},
                           Synonym{"http2_max_concurrent_streams", "streams http2.streams"},
                           Synonym{"httpchk", "health"},
                           Synonym{"https_redirect", "redirect"},
                           Synonym{"idle_timeout", "idle timeouts.idle"},
                           Synonym{"insecure_skip_verify", "verify"},
                           Synonym{"inter", "interval"},
                           Synonym{"ip", "address"},
                           Synonym{"keepalive", "upstream_idle idle"},
                           Synonym{"keepalive_timeout", "idle timeouts.idle"},
                           Synonym{"key_file", "key"},
                           Synonym{"keyfile", "key"},
                           Synonym{"lb", "balance"},
                           Synonym{"lb_algorithm", "balance"},
                           Synonym{"lb_policy", "balance"},
                           Synonym{"limit", "max"},
                           Synonym{"limit_conn", "connections_per_ip max.connections_per_ip"},
                           Synonym{"limit_req", "limits"},
                           Synonym{"listen", "address listeners"},
                           Synonym{"listener", "listeners"},
                           Synonym{"load_balancer", "balance"},
                           Synonym{"load_balancing", "balance"},
                           Synonym{"loadbalancer", "balance"},
                           Synonym{"location", "path routes"},
                           Synonym{"locations", "routes"},
                           Synonym{"log_format", "format log.format"},
                           Synonym{"log_level", "level log.level"},
                           Synonym{"logging", "log"},
                           Synonym{"logs", "log"},
                           Synonym{"match", "path"},
                           Synonym{"max_body_size", "body max.body"},
                           Synonym{"max_concurrent_streams", "streams http2.streams"},
                           Synonym{"max_conn", "max_connections connections max.connections"},
                           Synonym{"max_conns", "max_connections connections max.connections"},
                           Synonym{"max_fails", "consecutive_errors fall outlier.consecutive_errors"},
                           Synonym{"max_header_size", "head max.head"},
                           Synonym{"max_headers", "fields"},
                           Synonym{"max_retries", "attempts retry.attempts"},
                           Synonym{"maxconn", "max_connections connections max.connections"},
                           Synonym{"members", "servers"},
                           Synonym{"name_server", "servers"},
                           Synonym{"nameserver", "servers resolver.servers"},
                           Synonym{"nameservers", "servers resolver.servers"},
                           Synonym{"nbthread", "workers"},
                           Synonym{"nodes", "servers"},
                           Synonym{"num_retries", "attempts"},
                           Synonym{"organizations", "tenants"},
                           Synonym{"outlier_detection", "outlier"},
                           Synonym{"passive_health_check", "outlier"},
                           Synonym{"persistence", "sticky"},
                           Synonym{"policy", "balance"},
                           Synonym{"port", "address listeners"},
                           Synonym{"ports", "listeners"},
                           Synonym{"prefix", "path"},
                           Synonym{"private_key", "key"},
                           Synonym{"proxy_connect_timeout", "connect timeouts.connect"},
                           Synonym{"proxy_pass", "pool"},
                           Synonym{"proxy_read_timeout", "first_byte timeouts.first_byte"},
                           Synonym{"proxy_send_timeout", "body timeouts.body"},
                           Synonym{"rate_limit", "limits"},
                           Synonym{"rate_limiting", "limits"},
                           Synonym{"rate_limits", "limits"},
                           Synonym{"read_timeout", "first_byte body timeouts"},
                           Synonym{"real_ip_from", "trusted_proxies"},
                           Synonym{"request_timeout", "first_byte header"},
                           Synonym{"retries", "retry attempts"},
                           Synonym{"retry_on", "on"},
                           Synonym{"retry_policy", "retry"},
                           Synonym{"reverse_proxy", "pool"},
                           Synonym{"root_ca", "ca"},
                           Synonym{"router", "routes"},
                           Synonym{"routers", "routes"},
                           Synonym{"rule", "path"},
                           Synonym{"rules", "routes"},
                           Synonym{"server", "servers listeners"},
                           Synonym{"server_name", "hosts"},
                           Synonym{"server_names", "hosts"},
                           Synonym{"servers", "pools"},
                           Synonym{"service", "pool"},
                           Synonym{"services", "pools"},
                           Synonym{"session", "sticky"},
                           Synonym{"set_real_ip_from", "trusted_proxies"},
                           Synonym{"sites", "tenants"},
                           Synonym{"skip_verify", "verify"},
                           Synonym{"slowstart", "slow_start"},
                           Synonym{"sni", "server_name"},
                           Synonym{"ssl", "tls"},
                           Synonym{"ssl_certificate", "cert certificates tls.certificates"},
                           Synonym{"ssl_certificate_key", "key tls"},
                           Synonym{"ssl_verify", "verify"},
                           Synonym{"stats", "admin"},
                           Synonym{"status_code", "status"},
                           Synonym{"statuses", "status"},
                           Synonym{"stick_table", "sticky"},
                           Synonym{"strategy", "balance"},
                           Synonym{"stream", ""},
                           Synonym{"target", "pool servers"},
                           Synonym{"targets", "servers"},
                           Synonym{"threads", "workers"},
                           Synonym{"timeout", "timeouts"},
                           Synonym{"to", "pool servers"},
                           Synonym{"tries", "attempts"},
                           Synonym{"trust_proxies", "trusted_proxies"},
                           Synonym{"upstream", "pool pools"},
                           Synonym{"upstreams", "pools servers"},
                           Synonym{"uri", "path"},
                           Synonym{"url", "address path"},
                           Synonym{"use_backend", "pool"},
                           Synonym{"verb", "methods"},
                           Synonym{"verbosity", "level"},
                           Synonym{"verbs", "methods"},
                           Synonym{"vhosts", "routes"},
                           Synonym{"virtual_hosts", "routes"},
                           Synonym{"worker_connections", "connections max.connections"},
                           Synonym{"worker_processes", "workers"},
                           Synonym{"worker_threads", "workers"}};

constexpr std::array kValues{Synonym{"abort", "cancel"},
                             Synonym{"always", "true"},
                             Synonym{"apache", "combined"},
                             Synonym{"clf", "combined"},
                             Synonym{"close", "cancel"},
                             Synonym{"common", "combined"},
                             Synonym{"connect_failure", "connect"},
                             Synonym{"connection", "connect"},
                             Synonym{"cookie", "cookie:NAME"},
                             Synonym{"crit", "error"},
                             Synonym{"critical", "error"},
                             Synonym{"deny", "refuse"},
                             Synonym{"err", "error"},
                             Synonym{"error", "connect"},
                             Synonym{"ewma", "least_time"},
                             Synonym{"fail", "refuse"},
                             Synonym{"fastest", "least_time"},
                             Synonym{"fatal", "error"},
                             Synonym{"gateway_error", "502"},
                             Synonym{"header", "header:NAME"},
                             Synonym{"healthy", "up"},
                             Synonym{"http", "http/1.1"},
                             Synonym{"http/1", "http/1.1"},
                             Synonym{"http/1.0", "http/1.1"},
                             Synonym{"http/2", "h2"},
                             Synonym{"http/2.0", "h2"},
                             Synonym{"http1", "http/1.1"},
                             Synonym{"http1.1", "http/1.1"},
                             Synonym{"http2", "h2"},
                             Synonym{"ignore", "allow"},
                             Synonym{"informational", "info"},
                             Synonym{"ip", "client_ip"},
                             Synonym{"ip_address", "client_ip"},
                             Synonym{"ip_hash", "hash"},
                             Synonym{"jsonl", "json"},
                             Synonym{"latency", "least_time"},
                             Synonym{"least_conn", "least_connections"},
                             Synonym{"least_request", "least_connections"},
                             Synonym{"least_response_time", "least_time"},
                             Synonym{"leastconn", "least_connections"},
                             Synonym{"leastconnections", "least_connections"},
                             Synonym{"logfmt", "json"},
                             Synonym{"ndjson", "json"},
                             Synonym{"never", "false"},
                             Synonym{"nginx", "combined"},
                             Synonym{"notice", "info"},
                             Synonym{"on", "https"},
                             Synonym{"p2c", "random_two"},
                             Synonym{"peak_ewma", "least_time"},
                             Synonym{"permanent", "https"},
                             Synonym{"power_of_two_choices", "random_two"},
                             Synonym{"random", "random_two"},
                             Synonym{"refused", "connect"},
                             Synonym{"reject", "refuse"},
                             Synonym{"remote_addr", "client_ip"},
                             Synonym{"roundrobin", "round_robin"},
                             Synonym{"rr", "round_robin"},
                             Synonym{"source", "client_ip"},
                             Synonym{"source_ip", "client_ip"},
                             Synonym{"src", "client_ip"},
                             Synonym{"ssl", "https"},
                             Synonym{"text", "combined"},
                             Synonym{"tls", "https"},
                             Synonym{"trace", "debug"},
                             Synonym{"true", "https"},
                             Synonym{"unhealthy", "down"},
                             Synonym{"uri", "path"},
                             Synonym{"url", "path"},
                             Synonym{"verbose", "debug"},
                             Synonym{"warning", "warn"},
                             Synonym{"warnings", "warn"},
                             Synonym{"weighted_round_robin", "round_robin"},
                             Synonym{"wrr", "round_robin"},
                             Synonym{"yes", "https"}};

static_assert(std::is_sorted(kKeys.begin(), kKeys.end(), [](auto a, auto b) { return a.word < b.word; }));
static_assert(std::is_sorted(kValues.begin(), kValues.end(), [](auto a, auto b) { return a.word < b.word; }));

// Lower case, with `_` between the words of a camelCase or dashed name.
std::string plain(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (is_upper(c) && !out.empty() && out.back() != '_' && !is_upper(word[out.size() - 1])) out += '_';
    out += c == '-' || c == ' ' ? '_' : to_lower(c);
  }
  return out;
}

std::string_view find(std::string_view word, const std::vector<std::string_view>& known) {
  const auto at = std::find(known.begin(), known.end(), word);
  return at != known.end() ? *at : std::string_view();
}

const Synonym* find_synonym(std::string_view word, std::span<const Synonym> table) {
  const auto at = std::lower_bound(table.begin(), table.end(), word,
                                   [](const Synonym& entry, std::string_view w) { return entry.word < w; });
  return at != table.end() && at->word == word ? &*at : nullptr;
}

std::string_view first_known(std::string_view words, const std::vector<std::string_view>& known) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    // Of "max.body" the place knows the map.
    const std::string_view word = words.substr(0, end);
    if (!find(word, known).empty() || !find(word.substr(0, word.find('.')), known).empty()) return word;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return {};
}

// Our own spelling first, then another one's word for it, then what looks alike.
std::string_view meant(std::string_view word, std::span<const Synonym> table,
                       const std::vector<std::string_view>& known) {
  const std::string spelt = plain(word);
  if (const std::string_view same = find(spelt, known); !same.empty()) return same;
  const Synonym* const entry = find_synonym(spelt, table);
  if (entry != nullptr && entry->ours.empty()) return {};
  if (entry != nullptr) {
    if (const std::string_view ours = first_known(entry->ours, known); !ours.empty()) return ours;
  }
  return nearest(word, known);
}

}  // namespace

std::string_view meant_key(std::string_view word, const std::vector<std::string_view>& known) {
  return meant(word, kKeys, known);
}

std::string_view meant_value(std::string_view word, const std::vector<std::string_view>& known) {
  return meant(word, kValues, known);
}

bool means_later_key(std::string_view word, std::span<const std::string_view> later) {
  const Synonym* const entry = find_synonym(plain(word), kKeys);
  return entry != nullptr && std::find(later.begin(), later.end(), entry->ours) != later.end();
}

std::string place_of_key(std::string_view key) {
  const auto& top = kDocumentSchema.keys;
  const bool known =
      std::any_of(top.begin(), top.end(), [&](const auto& entry) { return entry.text.name == key; });
  return known ? fmt::format("; {} stands at the top of the file, without indentation", quoted(key))
               : std::string();
}

}  // namespace sluice::config
