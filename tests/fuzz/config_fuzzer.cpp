// Any text must end in a Document or in errors, and a Document without errors keeps what its header promises.
// In any text an admin address is found, which in such a Document is its own.
#include "sluice/config/admin.hpp"
#include "sluice/config/load.hpp"

#include "invariants.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

using namespace sluice::config;
using sluice::fuzz::must;

namespace {

bool has_placeholder(const std::string& text) { return text.find(kTenantPlaceholder) != std::string::npos; }

void must_be_statuses(const std::vector<StatusRange>& ranges) {
  for (const StatusRange& range : ranges)
    must(range.low >= 100 && range.low <= range.high && range.high <= 599);
}

void must_hold(const Expect& expect, bool tenants) {
  must(!expect.status.empty());
  must_be_statuses(expect.status);
  must(tenants || !expect.body || !has_placeholder(expect.body->value));
  must(!expect.body_regex || !has_placeholder(expect.body_regex->value));
  for (const JsonExpectation& json : expect.json) {
    must(!json.path.empty() && std::find(json.path.begin(), json.path.end(), "") == json.path.end());
    const auto* text = std::get_if<std::string>(&json.value);
    must(tenants || text == nullptr || !has_placeholder(*text));
  }
}

void must_hold(const Health& health, const Document& document) {
  must(health.interval >= Duration(100) && health.timeout <= health.interval);
  must(health.jitter >= 0 && health.jitter <= 50);
  must(health.rise >= 1 && health.rise <= 100 && health.fall >= 1 && health.fall <= 100);
  must(health.path.starts_with('/'));
  const bool tenants = health.as_tenants.has_value();
  must(!tenants ||
       (document.tenants && health.as_tenants->names.empty() == (health.as_tenants->sample != 0)));
  for (const CheckHeader& header : health.headers)
    must(!header.name.empty() && (tenants || !has_placeholder(header.value.value)));
  must_hold(health.expect, tenants);
}

void must_hold(const Outlier& outlier) {
  must(outlier.consecutive_errors != 0 || outlier.error_rate > 0);
  must(outlier.error_rate <= 100 && outlier.max_ejected <= 100);
  must(outlier.ejection >= Duration(100) && outlier.ejection <= outlier.ejection_max);
  must_be_statuses(outlier.errors.statuses);
}

void must_hold(const Pool& pool, const Document& document) {
  must(std::any_of(pool.servers.begin(), pool.servers.end(),
                   [](const Server& server) { return !server.backup; }));
  for (const Server& server : pool.servers) {
    must(server.weight >= 1 && server.weight <= 1000);
    must(!pool.queue || server.max_connections.value_or(pool.max_connections) != 0);
  }
  if (pool.health) must_hold(*pool.health, document);
  if (pool.outlier) must_hold(*pool.outlier);
  must(pool.retry.attempts >= 1 && pool.retry.attempts <= 10);
  must(!pool.retry.per_try_timeout || pool.retry.on.timeout);
  must_be_statuses(pool.retry.on.statuses);
  must(pool.balance.bound == 0 || pool.balance.bound > 100);
  must(pool.balance.by != Balancing::hash || pool.balance.hash != HashBy::tenant || document.tenants);
}

void must_hold(const Limit& limit) {
  constexpr std::uint64_t kMost = 1'000'000'000;
  must(!limit.key.empty() && limit.key.size() <= 8);
  must((limit.kind == LimitKind::concurrency) == (limit.concurrency != 0));
  const bool counts = limit.kind != LimitKind::concurrency;
  must(counts == (limit.rate.count != 0) && counts == (limit.burst != 0));
  must(limit.burst <= kMost && limit.cost >= 1);
  must(limit.kind == LimitKind::rate ? limit.cost <= limit.burst : limit.cost == 1);
  must(limit.v4_prefix >= 1 && limit.v4_prefix <= 32 && limit.v6_prefix >= 1 && limit.v6_prefix <= 128);
  const auto has = [&](KeyPart::Of of) {
    return std::any_of(limit.key.begin(), limit.key.end(), [&](const auto& part) { return part.of == of; });
  };
  must(!has(KeyPart::Of::response) || (limit.kind == LimitKind::bytes && limit.key.size() == 1));
  if (!limit.ban) return;
  must(has(KeyPart::Of::client_ip) && limit.kind != LimitKind::bytes && limit.mode == LimitMode::enforce);
  must(limit.ban->after >= 1 && limit.ban->window >= Duration(1000) && limit.ban->lasts >= Duration(1000));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Patterns would read whatever this machine holds.
  if (text.find("include") != std::string_view::npos) return 0;
  Diagnostics out;
  const Document document = load_text(text, "fuzz.yaml", "/nonexistent", out);
  (void)out.render(document.files);
  const AdminAddress admin = find_admin_in(text, "fuzz.yaml");
  must(!admin.value.empty());
  if (out.failed()) return 0;
  must(admin.value == document.admin.value || admin.doubt);
  for (const Pool& pool : document.pools)
    must_hold(pool, document);
  for (const Limit& limit : document.limits)
    must_hold(limit);
  must(!document.limit_store || document.limit_store->url.value.starts_with("redis"));
  return 0;
}
