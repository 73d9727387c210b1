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
    const std::string plain = name.substr(0, name.find_first_of(":-=?+"));
    return failed<std::string>(
        is_variable_name(plain)
            ? fmt::format("a variable has no default here; write \"${{{}}}\" and set it", plain)
            : fmt::format("{} is not the name of an environment variable", quoted(name)));
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
  std::string last;
  for (;;) {
    const std::size_t open = raw.find("${");
    out.value += raw.substr(0, open);
    if (open == std::string_view::npos) break;
    const bool escaped = open > 0 && raw[open - 1] == '$';
    raw.remove_prefix(open + 2);
    if (escaped) {
      out.value += '{';  // the `$` that escaped the other is in `out` already
      continue;
    }
    const std::size_t close = raw.find('}');
    if (close == std::string_view::npos) return failed<std::string>("\"${\" has no closing brace");
    last = raw.substr(0, close);
    Parsed<std::string> replacement = variable(last);
    if (!replacement) return replacement;
    out.value += replacement.value;
    raw.remove_prefix(close + 1);
  }
  if (out.value.empty() && !last.empty()) out.error = fmt::format("environment variable {} is empty", last);
  return out;
}

bool is_variable(std::string_view raw) {
  return raw.starts_with("${") && raw.ends_with('}') && is_variable_name(raw.substr(2, raw.size() - 3));
}

}  // namespace sluice::config
