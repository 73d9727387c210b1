// What HTTP's texts are made of, whatever the version they travel in: byte classes, lengths, and which fields
// may come in trailers.
#pragma once

#include "sluice/base/text.hpp"
#include "sluice/http/fields.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http {

inline constexpr std::uint8_t kToken = 1;  // RFC 9110 §5.6.2
inline constexpr std::uint8_t kValue = 2;  // field-vchar, SP, HTAB: RFC 9110 §5.5
inline constexpr std::uint8_t kMethod =
    4;  // upper case only: "get" is a different method to some, GET to others
inline constexpr std::uint8_t kLowerName = 8;  // tokens without upper case: RFC 9113 §8.2.1

inline constexpr std::size_t kLongestMethod = 32;

inline constexpr std::array<std::uint8_t, 256> kClass = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned c = 0x21; c < 256; ++c) {
    if (c != 0x7f) table[c] |= kValue;
  }
  table[' '] |= kValue;
  table['\t'] |= kValue;
  for (unsigned c = 0; c < 128; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (is_digit(static_cast<char>(c)) || is_alpha(static_cast<char>(c)))
      table[c] |= upper ? kToken : kToken | kLowerName;
    if (is_digit(static_cast<char>(c)) || upper) table[c] |= kMethod;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<std::uint8_t>(c)] |= kToken | kLowerName;
  for (const char c : std::string_view("-_"))
    table[static_cast<std::uint8_t>(c)] |= kMethod;
  return table;
}();

constexpr bool is(char c, std::uint8_t what) { return (kClass[static_cast<std::uint8_t>(c)] & what) != 0; }
constexpr bool all_of(std::string_view text, std::uint8_t what) {
  for (const char c : text) {
    if (!is(c, what)) return false;
  }
  return true;
}

// Digits only, no sign, no list, no leading zero (some read those as octal), at most 2^63-1.
std::optional<std::uint64_t> parse_content_length(std::string_view text);

// Fields that frame, route, authenticate or modify a message: RFC 9110 §6.5.1.
bool forbidden_in_trailers(const Field& field);

}  // namespace sluice::http
