#include "cli/pools_table.hpp"

#include <string_view>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;

// Of an object of another version too: what is not there is not shown.
std::string_view text(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  const json::string* const found = value != nullptr ? value->if_string() : nullptr;
  return found != nullptr ? std::string_view(found->data(), found->size()) : std::string_view();
}

std::int64_t number(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

bool flag(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object* part(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

// Why it is as it is.
std::string why(const json::object& server) {
  const json::object* const check = part(server, "check");
  const json::object* const ejections = part(server, "ejections");
  if (ejections != nullptr && text(server, "state") == "ejected")
    return std::string(text(*ejections, "reason"));
  if (check == nullptr) return {};
  return flag(*check, "passed") ? "check passed" : "check failed: " + std::string(text(*check, "reason"));
}

}  // namespace

std::string pools_table(const json::value& pools) {
  std::string out;
  if (!pools.is_array()) return out;
  for (const json::value& entry : pools.get_array()) {
    const json::object* const pool = entry.if_object();
    if (pool == nullptr) continue;
    out += std::string(text(*pool, "pool"));
    if (flag(*pool, "panic")) out += "  PANIC: too few servers are well";
    if (const auto queued = number(*pool, "queued"); queued != 0) out += fmt::format("  {} waiting", queued);
    out += '\n';
    const json::value* const servers = pool->if_contains("servers");
    if (servers == nullptr || !servers->is_array()) continue;
    for (const json::value& item : servers->get_array()) {
      const json::object* const server = item.if_object();
      if (server == nullptr) continue;
      out += fmt::format("  {:<24} {:<11} {:>4} active  weight {:<4} {}{}\n", text(*server, "server"),
                         text(*server, "state"), number(*server, "active"), number(*server, "weight"),
                         flag(*server, "backup") ? "backup  " : "", why(*server));
    }
  }
  return out;
}

}  // namespace sluice::cli
