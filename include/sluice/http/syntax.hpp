// What HTTP's texts are made of, whatever the version they travel in: byte classes, lengths, and which fields
// may come in trailers.
#pragma once

#include "sluice/base/rule.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/fields.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::http {

inline constexpr std::uint8_t kToken = 1;  // RFC 9110 §5.6.2
inline constexpr std::uint8_t kValue = 2;  // field-vchar, SP, HTAB: RFC 9110 §5.5
inline constexpr std::uint8_t kMethod =
    4;  // upper case only: "get" is a different method to some, GET to others
inline constexpr std::uint8_t kLowerName = 8;  // tokens without upper case: RFC 9113 §8.2.1

inline constexpr std::uint8_t kPlainName = 16;  // letters, digits and "-": what every program reads the same

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
    if (is_digit(static_cast<char>(c)) || is_alpha(static_cast<char>(c)) || c == '-') table[c] |= kPlainName;
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

// The first byte from `at` on that no field value may have, or `end`. Values are most of a head, so this
// looks at sixteen bytes at a time where the machine can.
inline const char* end_of_value(const char* at, const char* end) {
#if defined(__SSE2__)
  const auto bad_bytes = [](const char* block) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    const __m128i tabs = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    const __m128i dels = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tabs, low), dels)));
  };
  if (end - at >= 16) {
    for (; end - at >= 16; at += 16) {
      if (const unsigned bad = bad_bytes(at); bad != 0) return at + __builtin_ctz(bad);
    }
    // The rest, together with bytes that are known to be good.
    const unsigned bad = bad_bytes(end - 16);
    return bad != 0 ? end - 16 + __builtin_ctz(bad) : end;
  }
#endif
  while (at != end && is(*at, kValue))
    ++at;
  return at;
}

// The first byte from `at` on that is not a letter, a digit or "-" (kPlainName), or `end`.
inline const char* end_of_plain_name(const char* at, const char* end) {
#if defined(__SSE2__)
  const auto between = [](__m128i bytes, char low, char high) {  // both ends included
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(low - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(high + 1))));
  };
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i letters = between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i others = _mm_or_si128(between(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    const auto plain = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others)));
    if (plain != 0xffff) return at + __builtin_ctz(~plain);
  }
#endif
  while (at != end && is(*at, kPlainName))
    ++at;
  return at;
}

// The first byte from `at` on that is a space or below, or `end`.
inline const char* end_of_word(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(' ');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(bytes, space), bytes));
    if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (at != end && static_cast<unsigned char>(*at) > ' ')
    ++at;
  return at;
}

// Digits only, no sign, no list, no leading zero (some read those as octal), at most 2^63-1.
std::optional<std::uint64_t> parse_content_length(std::string_view text);
// What is wrong with a Content-Length that cannot be taken.
Rule content_length_rule(std::string_view value, bool seen);
// One Content-Length of a message; `seen` tells whether there was another one before.
inline Rule take_content_length(std::string_view value, bool& seen, std::uint64_t& length) {
  const auto parsed = parse_content_length(value);
  if (seen || !parsed) return content_length_rule(value, seen);
  seen = true;
  length = *parsed;
  return Rule::none;
}

// Fields that frame, route, authenticate or modify a message: RFC 9110 §6.5.1.
bool forbidden_in_trailers(const Field& field);

}  // namespace sluice::http
