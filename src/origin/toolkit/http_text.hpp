// The grammar both ends of HTTP/1 share: lines, fields, comma lists. Views into the caller's buffer
// throughout.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

namespace sluice::toolkit {

struct Field {
  std::string_view name;
  std::string_view value;
};

// Folds case by the ASCII bit. That also equates a few punctuation marks, which field names and tokens that
// are compared here never contain. Inline, for the scanners call it for every field that has the right
// length.
inline bool same_token(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((text[i] | 0x20) != lower[i]) return false;
  return true;
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// Takes the next line off `rest`, without its LF or CRLF. False when no line ends in `rest`.
inline bool next_line(std::string_view& rest, std::string_view& line) {
  const void* const feed = rest.empty() ? nullptr : std::memchr(rest.data(), '\n', rest.size());
  if (!feed) return false;
  const auto length = static_cast<std::size_t>(static_cast<const char*>(feed) - rest.data());
  line = rest.substr(0, length);
  if (line.ends_with('\r')) line.remove_suffix(1);
  rest.remove_prefix(length + 1);
  return true;
}

// Nothing when the line has no colon or no name.
inline std::optional<Field> split_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
  return Field{line.substr(0, colon), trim(line.substr(colon + 1))};
}

// Whether a comma-separated list such as Connection's contains `lower`.
bool list_has(std::string_view list, std::string_view lower);

}  // namespace sluice::toolkit
