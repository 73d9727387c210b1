#include "config/foreign_text.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <array>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 12> kNginx{"user",     "worker_processes", "events", "http",
                                                  "server",   "upstream",         "pid",    "error_log",
                                                  "location", "load_module",      "map",    "include"};
constexpr std::array<std::string_view, 6> kHaproxy{"global",  "defaults", "frontend",
                                                   "backend", "listen",   "resolvers"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view line_at(std::string_view text, std::size_t at) {
  const std::string_view line = text.substr(at, text.find('\n', at) - at);
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);  // npos + 1 is 0
}

// The first line that is no comment.
std::string_view first_line(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
    const std::string_view line = line_at(text, at);
    if (!line.empty() && line.front() != '#') return line;
  }
  return {};
}

std::optional<std::size_t> line_with(std::string_view text, std::string_view begin) {
  for (std::size_t at = text.find(begin); at != std::string_view::npos; at = text.find(begin, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return at;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Slip> foreign_text(std::string_view text) {
  if (const auto at = line_with(text, "-----BEGIN "))
    return Slip{*at, "a certificate or a key begins here (PEM); this is no configuration"};
  for (const std::string_view mark : {"<<<<<<< ", ">>>>>>> "}) {
    if (const auto at = line_with(text, mark))
      return Slip{*at, "a mark of a merge conflict; settle the conflict and remove its marks"};
  }
  const std::string_view line = first_line(text);
  const std::string_view word = line.substr(0, line.find_first_of(" \t{"));
  const auto at = static_cast<std::size_t>(line.data() - text.data());
  if (contains(kNginx, word) && (line.ends_with('{') || line.ends_with(';')))
    return Slip{at, "this looks like a configuration of nginx; Sluice has its own, in YAML"};
  if (contains(kHaproxy, word) && line.find_first_of(":{[") == std::string_view::npos)
    return Slip{at, "this looks like a configuration of HAProxy; Sluice has its own, in YAML"};
  return std::nullopt;
}

bool is_utf16(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return true;
  return text.size() >= 4 && (text[0] == '\0') != (text[1] == '\0') &&
         (text[0] == '\0') == (text[2] == '\0') && (text[1] == '\0') == (text[3] == '\0');
}

}  // namespace sluice::config
