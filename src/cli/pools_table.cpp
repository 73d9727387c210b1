#include "cli/pools_table.hpp"

#include "cli/members.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;

// A longer one moves what stands behind it.
constexpr std::size_t kWidestState = 60;

// As in members.hpp.
bool flag(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object* part(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

double fraction(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

// How long ago, as people say it.
std::string ago(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s ago", seconds);
  if (seconds < 2 * 3600) return fmt::format("{:.0f} min ago", seconds / 60);
  return fmt::format("{:.0f} h ago", seconds / 3600);
}

// Why it is as it is.
std::string why(const json::object& server) {
  const json::object* const check = part(server, "check");
  const json::object* const ejections = part(server, "ejections");
  const json::object* const unreachable = part(server, "unreachable");
  if (ejections != nullptr && text_in(server, "state") == "ejected")
    return std::string(text_in(*ejections, "reason"));
  if (check != nullptr && !flag(*check, "passed"))
    return "check failed: " + std::string(text_in(*check, "reason"));
  if (unreachable != nullptr)
    return fmt::format("{} {}", text_in(*unreachable, "reason"), ago(fraction(*unreachable, "ago_s")));
  return check != nullptr ? "check passed" : "";
}

std::string state_of(const json::object& server) {
  const std::string reason = why(server);
  return fmt::format("{}{}{}", text_in(server, "state"), reason.empty() ? "" : ": ", reason);
}

std::vector<const json::object*> servers_of(const json::object& pool) {
  std::vector<const json::object*> out;
  const json::value* const servers = pool.if_contains("servers");
  if (servers == nullptr || !servers->is_array()) return out;
  for (const json::value& item : servers->get_array()) {
    if (const json::object* const server = item.if_object()) out.push_back(server);
  }
  return out;
}

void append_servers(std::string& out, const json::object& pool) {
  const std::vector<const json::object*> servers = servers_of(pool);
  std::size_t widest_name = 0;
  std::size_t widest_state = 0;
  for (const json::object* server : servers) {
    widest_name = std::max(widest_name, text_in(*server, "server").size());
    widest_state = std::min<std::size_t>(std::max(widest_state, state_of(*server).size()), kWidestState);
  }
  for (const json::object* server : servers) {
    out += fmt::format("  {:<{}}  {:<{}}  {:>4} active  weight {}{}\n", text_in(*server, "server"),
                       widest_name, state_of(*server), widest_state, number_in(*server, "active"),
                       number_in(*server, "weight"), flag(*server, "backup") ? "  backup" : "");
  }
}

}  // namespace

std::string pools_table(const json::value& pools) {
  std::string out;
  if (!pools.is_array()) return out;
  for (const json::value& entry : pools.get_array()) {
    const json::object* const pool = entry.if_object();
    if (pool == nullptr) continue;
    out += std::string(text_in(*pool, "pool"));
    if (flag(*pool, "panic")) out += "  PANIC: too few servers are well";
    if (const auto queued = number_in(*pool, "queued"); queued != 0)
      out += fmt::format("  {} waiting", queued);
    out += '\n';
    append_servers(out, *pool);
  }
  return out;
}

}  // namespace sluice::cli
