#include "config/scalar.hpp"

#include "config/address.hpp"
#include "config/environment.hpp"
#include "config/file.hpp"
#include "config/names.hpp"
#include "config/synonyms.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::config {
namespace {

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Only what is written without quotes can be a number or a boolean; or a variable, which needs quotes inside
// brackets.
std::optional<std::string> unquoted(const Cursor& at, std::string_view expected) {
  if (at.node().kind == Kind::scalar && at.node().quoted && !is_variable(at.node().text)) {
    at.error(
        fmt::format("expected {}, got text; remove the quotes around {}", expected, quoted(at.node().text)));
    return std::nullopt;
  }
  return read_text(at, expected);
}

// Which of the two is meant; the end of a message.
std::string truth_of(std::string_view word) {
  const auto meant = meant_truth(word);
  if (!meant) return {};
  return *meant ? "; write true" : "; write false";
}

template <class T, class Show>
std::optional<T> in_range(const Cursor& at, T value, T low, T high, Show show) {
  if (value >= low && value <= high) return value;
  at.error(fmt::format("{} is out of range: {}..{}", show(value), show(low), show(high)));
  return std::nullopt;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view near = meant_value(word, {known.begin(), known.end()});
  return near.empty() ? std::string() : fmt::format("; did you mean {}?", quoted(near));
}

// "a, b or c"
std::string alternatives(std::span<const std::string_view> words) {
  std::string out(words.back());
  if (words.size() == 1) return out;
  return fmt::format("{} or {}", fmt::join(words.first(words.size() - 1), ", "), out);
}

}  // namespace

std::optional<std::string> read_text(const Cursor& at, std::string_view expected) {
  if (!at.expect(Kind::scalar, expected)) return std::nullopt;
  Parsed<std::string> value = expand(at.node().text);
  if (value && value.value.empty()) value.error = fmt::format("expected {}, got empty text", expected);
  if (value && std::any_of(value.value.begin(), value.value.end(), is_control)) {
    value.error = fmt::format("{} holds a line break or another control character", quoted(value.value));
  }
  if (value) return std::move(value.value);
  at.error(std::move(value.error));
  return std::nullopt;
}

std::optional<bool> meant_truth(std::string_view word) {
  constexpr std::array<std::string_view, 7> kYes{"yes", "y", "on", "1", "true", "enabled", "enable"};
  constexpr std::array<std::string_view, 8> kNo{"no",    "n",    "off",      "0",
                                                "false", "none", "disabled", "disable"};
  const std::string plain = lower(word);
  if (contains(kYes, plain)) return true;
  if (contains(kNo, plain)) return false;
  return std::nullopt;
}

std::optional<bool> boolean(const Cursor& at) {
  const auto word = unquoted(at, "true or false");
  if (!word) return std::nullopt;
  if (*word == "true") return true;
  if (*word == "false") return false;
  at.error(fmt::format("expected true or false, got {}{}", quoted(*word), truth_of(*word)));
  return std::nullopt;
}

bool refuse_unlimited(const Cursor& at) {
  constexpr std::array<std::string_view, 8> kWords{"unlimited", "infinite", "infinity", "inf",
                                                   "none",      "off",      "any",      "no"};
  if (at.node().kind != Kind::scalar || !contains(kWords, lower(at.node().text))) return false;
  at.error(fmt::format("{} is not a number; for no limit write 0", quoted(at.node().text)));
  return true;
}

std::optional<std::uint64_t> read_whole(const Cursor& at, std::uint64_t low, std::uint64_t high) {
  const auto digits = unquoted(at, "a whole number");
  if (!digits) return std::nullopt;
  const auto number = parse_whole(*digits);
  if (number) return in_range(at, number.value, low, high, [](std::uint64_t n) { return std::to_string(n); });
  at.error(number.error);
  return std::nullopt;
}

std::optional<Duration> read_duration(const Cursor& at, Duration low, Duration high) {
  const auto word = read_text(at, "a duration");
  if (!word) return std::nullopt;
  const auto value = parse_duration(*word);
  if (value) return in_range(at, value.value, low, high, show_duration);
  at.error(value.error);
  return std::nullopt;
}

std::optional<std::uint64_t> read_size(const Cursor& at, std::uint64_t low, std::uint64_t high) {
  const auto word = read_text(at, "a size");
  if (!word) return std::nullopt;
  const auto value = parse_size(*word);
  if (value) return in_range(at, value.value, low, high, show_size);
  at.error(value.error);
  return std::nullopt;
}

std::optional<double> read_percentage(const Cursor& at, double low, double high) {
  const auto word = unquoted(at, "a percentage");
  if (!word) return std::nullopt;
  const auto value = parse_percentage(*word);
  if (value)
    return in_range(at, value.value, low, high, [](double number) { return fmt::format("{}", number); });
  at.error(value.error);
  return std::nullopt;
}

std::optional<Rate> rate(const Cursor& at) {
  const auto word = read_text(at, "a rate");
  if (!word) return std::nullopt;
  const auto value = parse_rate(*word);
  if (value) return value.value;
  at.error(value.error);
  return std::nullopt;
}

void locate_blocks(const Cursor& at, std::vector<Located<std::string>>& out, std::string_view so) {
  if (!at.expect(Kind::list, "a list")) return;
  for (std::size_t i = 0; i < at.children().size(); ++i) {
    const Cursor item = at.item(i);
    auto block = read_parsed(item, parse_block);
    if (!block) continue;
    if (block->ends_with("/0"))
      at.context().out.warn(item.at(), item.path(), fmt::format("{} is everybody: {}", *block, so));
    out.push_back({std::move(*block), item.at()});
  }
}

std::optional<std::string> file_path(const Cursor& at) {
  const auto name = text(at);
  if (!name) return std::nullopt;
  return absolute_join(at.context().base, *name);
}

std::optional<std::size_t> read_choice(const Cursor& at, const Choices& choices) {
  const std::string expected = alternatives(choices.now);
  const auto word = read_text(at, expected);
  if (!word) return std::nullopt;
  const auto found = std::find(choices.now.begin(), choices.now.end(), *word);
  if (found != choices.now.end()) return static_cast<std::size_t>(found - choices.now.begin());
  if (contains(choices.later, *word)) {
    at.error(fmt::format("{} is not supported by this version", quoted(*word)));
  } else {
    at.error(fmt::format("expected {}, got {}{}", expected, quoted(*word), suggestion(*word, choices.now)));
  }
  return std::nullopt;
}

std::optional<Named> read_named(const Cursor& at, std::string_view word) {
  const std::string_view kind = word.substr(0, word.find(':'));
  if (kind != "header" && kind != "cookie") return std::nullopt;
  Named out{kind == "cookie", {}};
  const std::string_view name = word.substr(std::min(kind.size() + 1, word.size()));
  if (kind.size() == word.size()) {
    at.error(fmt::format("{} needs a name: {}:NAME", quoted(kind), kind));
  } else if (!is_token(name) || name == "NAME") {
    at.error(fmt::format("{} is not the name of a {}", quoted(name), kind));
  } else {
    out.name = name;
  }
  return out;
}

Switch read_switch(const Cursor& at, std::string_view hint) {
  constexpr std::string_view kExpected = "off or a map";
  if (at.node().kind == Kind::map) return Switch::map;
  const auto word = read_text(at, kExpected);
  if (!word) return Switch::neither;
  if (*word == "off") return Switch::off;
  const auto truth = meant_truth(*word);
  if (truth && !*truth) hint = "; write off";
  at.error(fmt::format("expected {}, got {}{}", kExpected, quoted(*word), hint));
  return Switch::neither;
}

std::optional<std::string> read_parsed(const Cursor& at, Parsed<std::string> (*parse)(std::string_view)) {
  const auto word = text(at);
  if (!word) return std::nullopt;
  Parsed<std::string> value = parse(*word);
  if (value) return std::move(value.value);
  at.error(std::move(value.error));
  return std::nullopt;
}

}  // namespace sluice::config
