#include "sluice/http/target.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sluice::http {
namespace {

constexpr std::uint8_t kPath = 1;
constexpr std::uint8_t kQuery = 2;
constexpr std::uint8_t kPlainPath = 4;  // in a path, and nothing more to be said about it

constexpr std::array<std::uint8_t, 256> kAllowed = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    if (is_digit(static_cast<char>(c)) || (c < 128 && is_alpha(static_cast<char>(c))))
      table[c] = kPath | kQuery | kPlainPath;
  }
  for (const char c : std::string_view("-_~!$&'()*+,;=:@/[]|"))
    table[static_cast<std::uint8_t>(c)] = kPath | kQuery | kPlainPath;
  for (const char c : std::string_view(".%"))
    table[static_cast<std::uint8_t>(c)] = kPath | kQuery;
  for (const char c : std::string_view("?{}^`\\"))
    table[static_cast<std::uint8_t>(c)] = kQuery;
  return table;
}();

constexpr bool allowed(char c, std::uint8_t where) {
  return (kAllowed[static_cast<std::uint8_t>(c)] & where) != 0;
}

// The byte at `i` with its percent-encoding undone; moves `i` past it.
char decoded_at(std::string_view path, std::size_t& i) {
  if (path[i] != '%') return path[i++];
  const int byte = hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]);
  i += 3;
  return static_cast<char>(byte);
}

// `path` has valid encodings. Whether some segment is "." or "..", however it is spelled. A segment's path
// parameters (";x") do not hide it: "/..;/" is ".." to servlet containers.
bool has_dot_segment(std::string_view path) {
  std::size_t dots = 0;
  bool only_dots = true;
  bool parameters = false;
  const auto ends_dotted = [&] { return only_dots && (dots == 1 || dots == 2); };
  for (std::size_t i = 0; i < path.size();) {
    const char c = decoded_at(path, i);
    if (c == '/' || c == '\\') {
      if (ends_dotted()) return true;
      dots = 0;
      only_dots = true;
      parameters = false;
    } else if (parameters) {
      continue;
    } else if (c == '.') {
      ++dots;
    } else if (c == ';') {
      parameters = true;
    } else {
      only_dots = false;
    }
  }
  return ends_dotted();
}

// 1 for ".", 2 for "..", 0 for any other segment.
std::size_t dots_of(std::string_view segment, const DotRules& rules) {
  if (rules.parameters) segment = segment.substr(0, segment.find(';'));
  std::size_t dots = 0;
  while (!segment.empty()) {
    const bool encoded = rules.encoded && iequals(segment.substr(0, 3), "%2e");
    if (!encoded && segment.front() != '.') return 0;
    segment.remove_prefix(encoded ? 3 : 1);
    ++dots;
  }
  return dots <= 2 ? dots : 0;
}

// The length of what stands before the last segment of `path`; nothing is above the root.
std::size_t parent(const char* path, std::size_t size) {
  while (size != 0 && path[--size] != '/') {
  }
  return size;
}

}  // namespace

Rule check_origin_form(std::string_view target, bool& dotted) {
  if (target.empty() || target.front() != '/') return Rule::target_form;
  std::size_t i = 0;
  bool dots = false;
  for (; i < target.size(); ++i) {
    const char c = target[i];
    if (allowed(c, kPlainPath)) continue;
    if (c == '?') break;
    if (!allowed(c, kPath)) return Rule::path_byte;
    if (c == '.') dots = true;
    if (c == '%') {
      if (i + 2 >= target.size()) return Rule::bad_percent;
      const int high = hex_value(target[i + 1]);
      const int low = hex_value(target[i + 2]);
      if (high < 0 || low < 0) return Rule::bad_percent;
      if ((high | low) == 0) return Rule::encoded_nul;
      if (high == 2 && low == 14) dots = true;
    }
  }
  dotted = dots && has_dot_segment(target.substr(0, i));
  for (; i < target.size(); ++i) {
    if (!allowed(target[i], kQuery)) return Rule::query_byte;
  }
  return Rule::none;
}

std::string_view decoded_path(std::string_view path, Arena& arena) {
  if (path.find('%') == std::string_view::npos && path.find("//") == std::string_view::npos) return path;
  char* out = arena.array<char>(path.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size();) {
    const char c = decoded_at(path, i);
    if (c == '/' && size != 0 && out[size - 1] == '/') continue;
    out[size++] = c;
  }
  return {out, size};
}

std::string_view undo_percent(std::string_view path, Arena& arena) {
  char* const out = arena.array<char>(path.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size();)
    out[size++] = decoded_at(path, i);
  return {out, size};
}

std::string_view resolve_dots(std::string_view text, const DotRules& rules, char* out, bool& to_directory) {
  const std::string_view separators = rules.backslash ? "/\\" : "/";
  std::size_t size = 0;
  to_directory = false;
  text.remove_prefix(1);  // the "/" that all paths begin with
  for (bool last = false; !last;) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    last = end == text.size();
    const std::string_view segment = text.substr(0, end);
    text.remove_prefix(last ? end : end + 1);
    if (const std::size_t dots = dots_of(segment, rules); dots != 0) {
      if (dots == 2) size = parent(out, size);
      to_directory = last;
    } else if (!segment.empty() || last || !rules.fold) {
      out[size++] = '/';
      size = static_cast<std::size_t>(std::copy(segment.begin(), segment.end(), out + size) - out);
    }
  }
  if (to_directory) out[size++] = '/';
  return {out, size};
}

}  // namespace sluice::http
