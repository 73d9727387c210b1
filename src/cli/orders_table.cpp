#include "cli/orders_table.hpp"

#include "cli/members.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;
using Row = std::vector<std::string>;

std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at)
      widths[at] = std::max(widths[at], row[at].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at)
      line += fmt::format("{:<{}}  ", row[at], widths[at]);
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

template <class F>
void for_each_object(const json::value& list, F f) {
  if (!list.is_array()) return;
  for (const json::value& item : list.get_array()) {
    if (const json::object* const object = item.if_object()) f(*object);
  }
}

std::string or_dash(std::string_view text) { return std::string(text.empty() ? "-" : text); }

std::string names_in(const json::object& of, std::string_view key) {
  std::vector<std::string> names;
  const json::value* const list = of.if_contains(key);
  if (list == nullptr || !list->is_array()) return "-";
  for (const json::value& item : list->get_array()) {
    if (const json::string* const name = item.if_string()) names.emplace_back(name->data(), name->size());
  }
  return or_dash(fmt::format("{}", fmt::join(names, ",")));
}

}  // namespace

std::string bans_table(const json::value& bans) {
  std::vector<Row> rows{{"BLOCK", "TENANT", "BY", "UNTIL", "REFUSED", "REASON"}};
  for_each_object(bans, [&](const json::object& ban) {
    const std::string_view limit = text_in(ban, "limit");
    const std::string_view tenant = text_in(ban, "tenant");
    rows.push_back({std::string(text_in(ban, "block")), tenant.empty() ? "all" : std::string(tenant),
                    limit.empty() ? "hand" : fmt::format("limit {}", limit),
                    std::string(text_in(ban, "until")), fmt::format("{}", number_in(ban, "refused")),
                    or_dash(text_in(ban, "reason"))});
  });
  return rows.size() == 1 ? "" : table(rows);
}

std::string tenants_table(const json::value& tenants) {
  std::vector<Row> rows{{"TENANT", "HOSTS", "POOL", "LIMITS", "HELD", "REASON"}};
  for_each_object(tenants, [&](const json::object& tenant) {
    const json::value* const found = tenant.if_contains("hold");
    const json::object* const hold = found != nullptr ? found->if_object() : nullptr;
    const json::value* const configured = tenant.if_contains("configured");
    const bool gone = configured != nullptr && configured->is_bool() && !configured->get_bool();
    rows.push_back({std::string(text_in(tenant, "tenant")),
                    gone ? "gone" : fmt::format("{}", number_in(tenant, "hosts")),
                    or_dash(text_in(tenant, "pool")), names_in(tenant, "limits"),
                    hold != nullptr ? fmt::format("until {}", text_in(*hold, "until")) : "-",
                    or_dash(hold != nullptr ? text_in(*hold, "reason") : "")});
  });
  return rows.size() == 1 ? "" : table(rows);
}

}  // namespace sluice::cli
