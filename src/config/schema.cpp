#include "config/schema.hpp"

#include "config/schemas.hpp"
#include "config/synonyms.hpp"
#include "config/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::config {

bool refuse_top_key(const Cursor& at, std::string_view required) {
  const bool thing = at.node().kind == Kind::scalar || at.node().kind == Kind::null || at.find(required);
  if (thing || place_of_key(at.key()).empty()) return false;
  at.error_at_key(fmt::format("{} is indented too far; it stands at the top of the file", quoted(at.key())));
  at.context().out.doubt(std::string(at.key()));
  return true;
}

std::string instead_of_map(const Cursor& at, std::string_view key, std::string_view required) {
  const Node& node = at.node();
  const auto truth = meant_truth(node.text);
  if (truth && !*truth) return "; leave the key out instead";
  if (truth && !all_digits(node.text))
    return required.empty() ? "; write {} for the defaults" : fmt::format("; write {{ {}: … }}", required);
  if (key.empty()) return {};
  const bool plain = !node.quoted && node.text.find_first_of(",[]{}\\\"") == std::string::npos;
  return fmt::format("; write {{ {}: {} }}", key, plain ? node.text : quoted(node.text));
}

namespace {

// What is meant by `key`: rather one that is not written yet, since twice would be wrong again.
std::string_view free_key(const Cursor& map, std::string_view key,
                          const std::vector<std::string_view>& known) {
  const std::string_view meant = meant_key(key, known);
  if (meant.empty() || !map.find(meant)) return meant;
  std::vector<std::string_view> left = known;
  std::erase_if(left, [&](std::string_view name) { return map.find(name).has_value(); });
  const std::string_view other = meant_key(key, left);
  return other.empty() ? meant : other;
}

}  // namespace

void refuse_key(const Cursor& map, const Cursor& at, const SchemaText& schema,
                const std::vector<std::string_view>& known) {
  const std::string_view key = at.key();
  if (std::find(schema.later.begin(), schema.later.end(), key) != schema.later.end() ||
      means_later_key(key, schema.later)) {
    at.error_at_key(fmt::format("{} is not supported by this version", quoted(key)));
    // What is missing beside it is probably not missing there (`servers` beside `colors`).
    map.context().out.doubt(map.path());
    return;
  }
  const auto misplaced = std::find_if(schema.misplaced.begin(), schema.misplaced.end(),
                                      [&](const Misplaced& entry) { return entry.name == key; });
  if (misplaced != schema.misplaced.end()) {
    at.error_at_key(std::string(misplaced->reason));
    return;
  }
  const std::string_view start = key.substr(0, key.find(':'));
  if (start.size() < key.size() && std::find(known.begin(), known.end(), start) != known.end()) {
    const std::string spaced = std::string(start) + ": " + std::string(key.substr(start.size() + 1));
    at.error_at_key(fmt::format("unknown key {}; write {}, with a space", quoted(key), quoted(spaced)));
    map.context().out.doubt(map.path_of(start));
    return;
  }
  const std::string_view meant = free_key(map, key, known);
  if (meant.empty()) {
    at.error_at_key(fmt::format("unknown key {}{}", quoted(key), place_of_key(key)));
    map.context().out.doubt(map.path());
    return;
  }
  const auto there = map.find(meant);
  const std::string already =
      there ? fmt::format(" It is written already, at {}", map.context().where(there->key_at())) : "";
  at.error_at_key(fmt::format("unknown key {}; did you mean {}?{}", quoted(key), quoted(meant), already));
  map.context().out.doubt(map.path_of(meant.substr(0, meant.find('.'))));
}

}  // namespace sluice::config
