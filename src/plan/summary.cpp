#include "sluice/config/limit_text.hpp"
#include "sluice/plan/guards.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

std::string day(std::time_t when) {
  std::tm parts{};
  ::gmtime_r(&when, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items)
    out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string protocols(const Listener& listener) {
  if (listener.h2c) return "h2c";
  const char* spoken = listener.http1 ? "http/1.1" : "h2";
  if (listener.h2 && listener.http1) spoken = "h2 http/1.1";
  return fmt::format("{}{}", listener.tls ? "TLS, " : "", spoken);
}

std::string way_to(const config::Pool& pool) {
  std::string out = pool.h2 ? ", h2" : "";
  if (pool.tls) out += pool.tls->verify ? ", TLS" : ", TLS without verification";
  return out;
}

// Of limits and of lines about policies. More is for programs to read.
constexpr std::size_t kMostLimits = 20;
constexpr std::size_t kMostGuards = 20;

void add_limits(std::string& out, const Plan& plan) {
  const config::Document& document = plan.document();
  const std::size_t shown = std::min(document.limits.size(), kMostLimits);
  for (std::size_t i = 0; i < shown; ++i)
    out += fmt::format("limit    {:<12} {}\n", document.limits[i].name, config::describe(document.limits[i]));
  if (document.limits.size() > shown)
    out += fmt::format("limits and {} more; --json has them\n", document.limits.size() - shown);
  if (document.limit_store) out += fmt::format("limits are {}\n", config::describe(*document.limit_store));
  const Guards all = guards(plan, kMostGuards);
  for (const Guards::Line& line : all.lines)
    out += fmt::format("policies {}: {}\n", line.of, line.policies.empty() ? "none" : join(line.policies));
  if (all.left_out != 0) out += fmt::format("policies and {} lines more; --json has them\n", all.left_out);
}

}  // namespace

std::string summary(const Plan& plan) {
  std::string out;
  for (const Listener& listener : plan.listeners()) {
    out += fmt::format("listener {:<12} {}, {}{}\n", listener.name, listener.address_text,
                       protocols(listener), listener.action ? ", redirects to https" : "");
  }
  for (const config::Pool& pool : plan.document().pools) {
    out += fmt::format("pool     {:<12} {} server{}{}\n", pool.name, pool.servers.size(),
                       pool.servers.size() == 1 ? "" : "s", way_to(pool));
  }
  if (const auto& tenants = plan.document().tenants) {
    out += fmt::format("tenants  {} listed{}\n", tenants->items.size(),
                       tenants->from_host ? ", any other by " + tenants->from_host->value : "");
  }
  add_limits(out, plan);
  if (plan.tls() != nullptr) {
    for (const auto& identity : plan.tls()->certificates().identities()) {
      out += fmt::format("certificate {} until {} covers {}\n", identity->key_type, day(identity->not_after),
                         join(identity->names));
    }
  }
  return out;
}

}  // namespace sluice::plan
