#include "config/schema.hpp"

#include "config/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::config {

bool refuse_key(const Cursor& at, const SchemaText& schema, const std::vector<std::string_view>& known) {
  const std::string_view key = at.key();
  if (std::find(schema.later.begin(), schema.later.end(), key) != schema.later.end()) {
    at.error_at_key(fmt::format("{} is not supported by this version", quoted(key)));
    return true;
  }
  const auto misplaced = std::find_if(schema.misplaced.begin(), schema.misplaced.end(),
                                      [&](const Misplaced& entry) { return entry.name == key; });
  if (misplaced != schema.misplaced.end()) {
    at.error_at_key(std::string(misplaced->reason));
    return false;
  }
  const std::string_view near = nearest(key, known);
  at.error_at_key(near.empty() ? fmt::format("unknown key {}", quoted(key))
                               : fmt::format("unknown key {}; did you mean {}?", quoted(key), quoted(near)));
  return false;
}

}  // namespace sluice::config
