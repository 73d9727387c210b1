#include "sluice/config/diagnostics_json.hpp"

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace sluice::config {
namespace {

namespace json = boost::json;

std::string text(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  const json::string* const found = value != nullptr ? value->if_string() : nullptr;
  return found != nullptr ? std::string(found->data(), found->size()) : std::string();
}

std::uint32_t number(const json::object& of, std::string_view key) {
  const json::value* const value = of.if_contains(key);
  json::error_code none;
  const auto out = value != nullptr ? value->to_number<std::uint32_t>(none) : 0;
  return none ? 0 : out;
}

}  // namespace

json::array to_json(const std::vector<Finding>& findings) {
  json::array out;
  out.reserve(findings.size());
  for (const Finding& item : findings) {
    out.push_back(json::object{{"file", item.file},
                               {"line", item.line},
                               {"column", item.column},
                               {"path", item.path},
                               {"message", item.message},
                               {"hint", item.hint}});
  }
  return out;
}

std::vector<Finding> findings_in(const json::value& list, Severity severity) {
  std::vector<Finding> out;
  if (!list.is_array()) return out;
  for (const json::value& item : list.get_array()) {
    const json::object* const from = item.if_object();
    if (from == nullptr) continue;
    out.push_back({severity, text(*from, "file"), number(*from, "line"), number(*from, "column"),
                   text(*from, "path"), text(*from, "message"), text(*from, "hint")});
  }
  return out;
}

}  // namespace sluice::config
