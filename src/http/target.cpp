#include "sluice/http/target.hpp"

#include "sluice/base/text.hpp"

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

}  // namespace

bool valid_origin_form(std::string_view target) {
  if (target.empty() || target.front() != '/') return false;
  std::size_t i = 0;
  bool dots = false;
  for (; i < target.size(); ++i) {
    const char c = target[i];
    if (allowed(c, kPlainPath)) continue;
    if (c == '?') break;
    if (!allowed(c, kPath)) return false;
    if (c == '.') dots = true;
    if (c == '%') {
      if (i + 2 >= target.size()) return false;
      const int high = hex_value(target[i + 1]);
      const int low = hex_value(target[i + 2]);
      if (high < 0 || low < 0 || (high | low) == 0) return false;
      if (high == 2 && low == 14) dots = true;
    }
  }
  if (dots && has_dot_segment(target.substr(0, i))) return false;
  for (; i < target.size(); ++i) {
    if (!allowed(target[i], kQuery)) return false;
  }
  return true;
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

}  // namespace sluice::http
