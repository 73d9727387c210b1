#include "sluice/config/load.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// Longer words are no slips of the finger, and the limit keeps the work per error small.
constexpr std::size_t kLongestWord = 64;
// Shorter beginnings fit too much.
constexpr std::size_t kLeastBeginning = 3;

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`, case aside. Both are
// at most kLongestWord long. Three rows suffice: a swap looks back two.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, kLongestWord + 1>;
  Row before{};
  Row previous{};
  Row current{};
  for (std::size_t j = 0; j <= b.size(); ++j)
    previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = to_lower(a[i - 1]) == to_lower(b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                           to_lower(a[i - 2]) == to_lower(b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before = previous;
    previous = current;
  }
  return previous[b.size()];
}

bool begins(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(),
                                                   [](char a, char b) { return to_lower(a) == to_lower(b); });
}

// The only one that begins with `word`, or with which `word` begins.
std::string_view by_beginning(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view only;
  for (const std::string_view candidate : known) {
    const bool longer = word.size() >= kLeastBeginning && begins(candidate, word);
    const bool shorter = candidate.size() >= kLeastBeginning && begins(word, candidate);
    if (!longer && !shorter) continue;
    if (!only.empty()) return {};
    only = candidate;
  }
  return only;
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view best;
  std::size_t limit = (word.size() + 1) / 3;
  if (word.size() > kLongestWord) return best;
  for (const std::string_view candidate : known) {
    const std::size_t longer = std::max(candidate.size(), word.size());
    const std::size_t shorter = std::min(candidate.size(), word.size());
    if (longer > kLongestWord || longer - shorter > limit) continue;
    const std::size_t distance = edit_distance(word, candidate);
    // A distance as long as the shorter word leaves nothing in common.
    if (distance >= shorter) continue;
    if (distance < limit || (distance == limit && best.empty())) {
      best = candidate;
      limit = distance;
    }
  }
  return best.empty() ? by_beginning(word, known) : best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view near = nearest(word, known);
  return near.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", near);
}

}  // namespace sluice::config
