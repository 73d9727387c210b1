#include "config/environment.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace sluice::config {
namespace {

bool is_variable_name(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

Parsed<std::string> variable(const std::string& name) {
  if (!is_variable_name(name)) {
    return failed<std::string>(fmt::format("{} is not the name of an environment variable", quoted(name)));
  }
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return failed<std::string>(fmt::format("environment variable {} is not set", name));
  if (find_invalid_utf8(value) != std::string_view::npos) {
    return failed<std::string>(fmt::format("environment variable {} is not UTF-8", name));
  }
  return {value, {}};
}

}  // namespace

Parsed<std::string> expand(std::string_view raw) {
  Parsed<std::string> out;
  for (;;) {
    const std::size_t open = raw.find("${");
    out.value += raw.substr(0, open);
    if (open == std::string_view::npos) return out;
    const bool escaped = open > 0 && raw[open - 1] == '$';
    raw.remove_prefix(open + 2);
    if (escaped) {
      out.value += '{';  // the `$` that escaped the other is in `out` already
      continue;
    }
    const std::size_t close = raw.find('}');
    if (close == std::string_view::npos) return failed<std::string>("\"${\" has no closing brace");
    Parsed<std::string> replacement = variable(std::string(raw.substr(0, close)));
    if (!replacement) return replacement;
    out.value += replacement.value;
    raw.remove_prefix(close + 1);
  }
}

}  // namespace sluice::config
