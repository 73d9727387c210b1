// Values at the leaves. Each reader answers with the value, or reports what is wrong and answers with
// nothing. Ranges are inclusive.
#pragma once

#include "sluice/config/document.hpp"

#include "config/cursor.hpp"
#include "config/text.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// A scalar with every ${NAME} replaced: one line of UTF-8, not empty. `expected` names the type in errors.
std::optional<std::string> read_text(const Cursor& at, std::string_view expected);

inline std::optional<std::string> text(const Cursor& at) { return read_text(at, "text"); }

// What a word from elsewhere ("yes", "disabled") says for true or false; nothing for other words.
std::optional<bool> meant_truth(std::string_view word);

// true or false, unquoted.
std::optional<bool> boolean(const Cursor& at);

// Decimal digits, unquoted.
std::optional<std::uint64_t> read_whole(const Cursor& at, std::uint64_t low, std::uint64_t high);

// Whether a word such as "unlimited" is written where 0 says so; that is reported.
bool refuse_unlimited(const Cursor& at);

std::optional<Duration> read_duration(const Cursor& at, Duration low, Duration high);
std::optional<std::uint64_t> read_size(const Cursor& at, std::uint64_t low, std::uint64_t high);

// A plain number, unquoted.
std::optional<double> read_percentage(const Cursor& at, double low, double high);

std::optional<Rate> rate(const Cursor& at);

// A list of blocks of addresses. One that is everybody is a warning, in the words of `so`: "so what".
void locate_blocks(const Cursor& at, std::vector<Located<std::string>>& out, std::string_view so);

// The path of a file, absolute; a relative one starts from the directory of the YAML file.
std::optional<std::string> file_path(const Cursor& at);

// Words a key takes. `later` are words that the product's manual knows and this version does not.
struct Choices {
  std::span<const std::string_view> now;
  std::span<const std::string_view> later;
};

// Index in `choices.now`.
std::optional<std::size_t> read_choice(const Cursor& at, const Choices& choices);

// "header:NAME" or "cookie:NAME".
struct Named {
  bool cookie = false;
  std::string name;  // empty where that is wrong, which is reported
};
// Nothing where `word`, the value's text, is neither.
std::optional<Named> read_named(const Cursor& at, std::string_view word);

// Whether `off` is written. What is neither that nor a map is reported, with `hint` at the end where nothing
// better is known, and counts as neither.
enum class Switch : std::uint8_t { off, map, neither };
Switch read_switch(const Cursor& at, std::string_view hint);

// Text that `parse` accepts, in the form it answers.
std::optional<std::string> read_parsed(const Cursor& at, Parsed<std::string> (*parse)(std::string_view));

template <std::uint64_t Low, std::uint64_t High>
std::optional<std::uint64_t> whole(const Cursor& at) {
  return read_whole(at, Low, High);
}

// The same where 0 stands for any number.
template <std::uint64_t High>
std::optional<std::uint64_t> limit(const Cursor& at) {
  if (refuse_unlimited(at)) return std::nullopt;
  return read_whole(at, 0, High);
}

// In milliseconds.
template <std::int64_t Low, std::int64_t High>
std::optional<Duration> duration(const Cursor& at) {
  return read_duration(at, Duration(Low), Duration(High));
}

// In bytes.
template <std::uint64_t Low, std::uint64_t High>
std::optional<std::uint64_t> size(const Cursor& at) {
  return read_size(at, Low, High);
}

template <std::uint32_t Low, std::uint32_t High>
std::optional<double> percentage(const Cursor& at) {
  return read_percentage(at, Low, High);
}

// For enumerations whose values count from 0 in the order of the words.
template <class Enum, const Choices& Words>
std::optional<Enum> choice(const Cursor& at) {
  const auto index = read_choice(at, Words);
  if (!index) return std::nullopt;
  return static_cast<Enum>(*index);
}

template <auto Parse>
std::optional<std::string> parsed(const Cursor& at) {
  return read_parsed(at, Parse);
}

}  // namespace sluice::config
