// What people get wrong in YAML, told by the look of a few characters.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

struct Slip {
  std::size_t offset = 0;
  std::string text;  // for Diagnostics::add
};

struct Quote {
  std::size_t begin = 0;
  std::size_t end = 0;  // of the closing one; the text's size where there is none
};

// At the beginning of what should be a key: no colon behind it, no space behind the colon; or a comment of
// another language.
std::optional<Slip> key_slip(std::string_view text, std::size_t at);

// Behind a value that has its closing quote or bracket. `inside` brackets a comma may follow.
std::optional<Slip> end_slip(std::string_view text, std::size_t at, bool inside);

// At the beginning of a value: an IPv6 address, which YAML takes for a list.
std::optional<Slip> address_slip(std::string_view text, std::size_t at);

// At this very place a character that looks like another one, or like none.
std::optional<Slip> odd_character(std::string_view text, std::size_t at);

// The first of them that cannot be meant in words without quotes: any of a key, the ends of a value.
std::optional<Slip> odd_in_word(std::string_view text, std::size_t at, std::string_view word, bool key);

// The quote that begins at `begin`.
Quote quote_at(std::string_view text, std::size_t begin);

// Whether it has no end, or goes on over a line that is one of the block around it.
bool runs_away(std::string_view text, const Quote& quote);

// Whether a key, or an item of a list, begins the line at `line`, indented by `indent` at most.
bool begins_entry(std::string_view text, std::size_t line, std::size_t indent);

// How far the line that `at` is in is indented.
std::size_t indent_at(std::string_view text, std::size_t at);

}  // namespace sluice::config
