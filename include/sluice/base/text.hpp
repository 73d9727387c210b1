// Small text work of the wire: ASCII only, locale-free, on views.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

constexpr char to_lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

// -1 when `c` is no hexadecimal digit.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

// Optional whitespace of RFC 9110 §5.6.3: SP and HTAB.
constexpr std::string_view trim_ows(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
    s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
    s.remove_suffix(1);
  return s;
}

// Decimal digits only, the whole of `s`, no sign; empty when that is not so or it does not fit.
template <class T>
std::optional<T> parse_decimal(std::string_view s) {
  if (s.empty() || !is_digit(s.front())) return std::nullopt;
  T value{};
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return value;
}

// Lists on the wire are short. A longer one is made to be expensive: each comma costs more than any other
// byte.
inline constexpr std::size_t kMostElements = 32;

// Calls f(element) for each element of a comma-separated list (RFC 9110 §5.6.1), trimmed, empty ones left
// out. f returns false to stop. False when that was not the whole list: there are more than kMostElements,
// counting empty ones (§5.6.1.2).
template <class F>
bool for_each_element(std::string_view list, F&& f) {
  for (std::size_t seen = 0; !list.empty(); ++seen) {
    if (seen == kMostElements) return false;
    const std::size_t comma = list.find(',');
    const std::string_view element = trim_ows(list.substr(0, comma));
    if (!element.empty() && !f(element)) return true;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
  return true;
}

inline std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    c = to_lower(c);
  return out;
}

// RFC 3986 §2.1, undone; empty where a "%" is not followed by two hexadecimal digits.
inline std::optional<std::string> percent_decoded(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out += s[i];
      continue;
    }
    if (s.size() - i < 3 || hex_value(s[i + 1]) < 0 || hex_value(s[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex_value(s[i + 1]) * 16 + hex_value(s[i + 2]));
    i += 2;
  }
  return out;
}

// The same, done to all that could mean something else in a path: what is left is unreserved, or one of
// "/:[]".
inline std::string percent_encoded(std::string_view s) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : s) {
    if (is_alpha(c) || is_digit(c) || std::string_view("-._~/:[]").find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

// Lets std::unordered_map<std::string, …> be searched by view, without building a string.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
struct TextEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

}  // namespace sluice
