// Small helpers on text, shared by the checks and by the messages they write.
#pragma once

#include "sluice/base/text.hpp"
#include "sluice/base/utf8.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::config {

// A checked value, or why it is none. `error` is a complete message, without position.
template <class T>
struct Parsed {
  T value{};
  std::string error;
  explicit operator bool() const { return error.empty(); }
};

template <class T>
Parsed<T> failed(std::string error) {
  return {T{}, std::move(error)};
}

constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_alnum(char c) { return is_digit(c) || is_alpha(c); }
constexpr bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string upper(std::string_view text);

bool all_digits(std::string_view text);  // false for empty text

// `text` in double quotes, fit for one line of a message: control characters escaped, cut after 80 bytes.
std::string quoted(std::string_view text);

}  // namespace sluice::config
