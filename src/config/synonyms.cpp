#include "config/synonyms.hpp"

#include "sluice/config/load.hpp"

#include "config/schemas.hpp"
#include "config/synonym_tables.hpp"
#include "config/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// Lower case, with `_` between the words of a camelCase or dashed name.
std::string plain(std::string_view word) {
  std::string out;
  char before = '_';
  for (const char c : word) {
    if (is_upper(c) && !is_upper(before) && !out.empty() && out.back() != '_') out += '_';
    before = c;
    out += c == '-' || c == ' ' ? '_' : to_lower(c);
  }
  return out;
}

std::string_view find(std::string_view word, const std::vector<std::string_view>& known) {
  const auto at = std::find(known.begin(), known.end(), word);
  return at != known.end() ? *at : std::string_view();
}

const Synonym* find_synonym(std::string_view word, std::span<const Synonym> table) {
  const auto at = std::lower_bound(table.begin(), table.end(), word,
                                   [](const Synonym& entry, std::string_view w) { return entry.word < w; });
  return at != table.end() && at->word == word ? &*at : nullptr;
}

std::string_view first_known(std::string_view words, const std::vector<std::string_view>& known) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    // Of "max.body" the place knows the map.
    const std::string_view word = words.substr(0, end);
    if (!find(word, known).empty() || !find(word.substr(0, word.find('.')), known).empty()) return word;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return {};
}

// Our own spelling first, then another one's word for it, then what looks alike.
std::string_view meant(std::string_view word, std::span<const Synonym> table,
                       const std::vector<std::string_view>& known) {
  const std::string spelt = plain(word);
  if (const std::string_view same = find(spelt, known); !same.empty()) return same;
  const Synonym* const entry = find_synonym(spelt, table);
  if (entry != nullptr && entry->ours.empty()) return {};
  if (entry != nullptr) {
    if (const std::string_view ours = first_known(entry->ours, known); !ours.empty()) return ours;
  }
  return nearest(word, known);
}

}  // namespace

std::string_view meant_key(std::string_view word, const std::vector<std::string_view>& known) {
  return meant(word, key_synonyms(), known);
}

std::string_view meant_value(std::string_view word, const std::vector<std::string_view>& known) {
  return meant(word, value_synonyms(), known);
}

bool means_later_key(std::string_view word, std::span<const std::string_view> later) {
  const Synonym* const entry = find_synonym(plain(word), key_synonyms());
  return entry != nullptr && std::find(later.begin(), later.end(), entry->ours) != later.end();
}

std::string place_of_key(std::string_view key) {
  const auto& top = kDocumentSchema.keys;
  const bool known =
      std::any_of(top.begin(), top.end(), [&](const auto& entry) { return entry.text.name == key; });
  return known ? fmt::format("; {} stands at the top of the file, without indentation", quoted(key))
               : std::string();
}

}  // namespace sluice::config
