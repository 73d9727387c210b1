#include "config/yaml_slip.hpp"

#include "config/text.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::string_view kBlank = " \t\r";

struct Odd {
  std::string_view bytes;
  std::string_view told;
  bool shows;
};

constexpr std::array kOdd{
    Odd{"\u201C", "“ (U+201C) is no quote; write \" instead", true},
    Odd{"\u201D", "” (U+201D) is no quote; write \" instead", true},
    Odd{"\u201E", "„ (U+201E) is no quote; write \" instead", true},
    Odd{"\u2018", "‘ (U+2018) is no quote; write ' instead", true},
    Odd{"\u2019", "’ (U+2019) is no quote; write ' instead", true},
    Odd{"\u2013 ", "– (U+2013) begins no item of a list; write - instead", true},
    Odd{"\u2014 ", "— (U+2014) begins no item of a list; write - instead", true},
    Odd{"\u00A0", "a no-break space (U+00A0) is no space; write a plain one", false},
    Odd{"\u202F", "a narrow no-break space (U+202F) is no space; write a plain one", false},
    Odd{"\u3000", "a wide space (U+3000) is no space; write a plain one", false},
    Odd{"\u200B", "a zero-width space (U+200B), which does not show; remove it", false},
    Odd{"\u200C", "a zero-width character (U+200C), which does not show; remove it", false},
    Odd{"\u200D", "a zero-width character (U+200D), which does not show; remove it", false},
    Odd{"\u2060", "a zero-width character (U+2060), which does not show; remove it", false},
    Odd{"\uFEFF", "a byte order mark (U+FEFF), which does not show; remove it", false}};

bool in(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

bool is_word(char c) { return is_alnum(c) || in("_-.", c); }

char char_at(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\n'; }

std::size_t skip(std::string_view text, std::size_t at, std::string_view set) {
  return std::min(text.find_first_not_of(set, at), text.size());
}

// Nothing but a comment follows on the line.
bool line_ends(std::string_view text, std::size_t at) {
  const std::size_t next = skip(text, at, kBlank);
  return char_at(text, next) == '\n' || (char_at(text, next) == '#' && next > at);
}

// Where what should be a key ends.
std::size_t word_end(std::string_view text, std::size_t at) {
  if (in("\"'", char_at(text, at))) {
    const std::size_t close = text.find_first_of("\"'\n", at + 1);
    return close != std::string_view::npos && text[close] == text[at] ? close + 1 : at;
  }
  if (!is_alnum(char_at(text, at))) return at;
  while (is_word(char_at(text, at)))
    ++at;
  return at;
}

std::size_t column_of(std::string_view text, std::size_t at) {
  return at - (text.substr(0, at).rfind('\n') + 1);  // npos + 1 is 0
}

// Another value, or a key with its colon.
bool begins_next(std::string_view text, std::size_t at) {
  if (in("\"'", char_at(text, at))) return true;
  const std::size_t end = word_end(text, at);
  return end != at && char_at(text, end) == ':' && in(" \t\r\n", char_at(text, end + 1));
}

// The next line that says anything is an item of a list that would be this key's.
bool item_below(std::string_view text, std::size_t at, std::size_t end) {
  if (!line_ends(text, end)) return false;
  const std::size_t item = skip(text, std::min(text.find('\n', end), text.size()), " \t\r\n");
  return text.substr(item, 2) == "- " && column_of(text, item) >= column_of(text, at);
}

}  // namespace

std::optional<Slip> key_slip(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "//" || text.substr(at, 3) == "/* ")
    return Slip{at, "a comment begins with \"#\""};
  if (char_at(text, at) == '-' && in("{[\"'", char_at(text, at + 1)))
    return Slip{at, "the \"-\" of an item needs a space behind it"};
  const std::size_t end = word_end(text, at);
  if (end == at) return std::nullopt;
  const bool plain = is_word(text[at]);
  const char sign = char_at(text, end);
  if (plain && sign == ':' && in("{[\"'", char_at(text, end + 1)))
    return Slip{end, "the \":\" behind a key needs a space behind it"};
  const std::size_t next = skip(text, end, kBlank);
  if (plain && char_at(text, next) == '=' && in("{[\"'", char_at(text, skip(text, next + 1, kBlank))))
    return Slip{next, "write \":\" and a space instead of \"=\""};
  const char begin = char_at(text, next);
  const bool opens = in("{[", begin) && (next > end || in(" \t\"'", char_at(text, next + 1)));
  const bool quote = plain && in("\"'", begin) && next > end;
  if (!opens && !quote && !(plain && item_below(text, at, end))) return std::nullopt;
  const std::string_view word = text.substr(at, end - at);
  return Slip{at, fmt::format("a \":\" is missing behind {}",
                              quoted(plain ? word : word.substr(1, word.size() - 2)))};
}

std::optional<Slip> end_slip(std::string_view text, std::size_t at, bool inside) {
  if (char_at(text, at) == '#') return Slip{at, "a comment needs a space before \"#\""};
  const std::size_t next = skip(text, at, kBlank);
  if (auto odd = odd_character(text, next)) return odd;
  const char c = char_at(text, next);
  if (text.substr(next, 2) == "//") return Slip{next, "a comment begins with \"#\""};
  if (inside && next > at && begins_next(text, next)) return Slip{next, "a \",\" is missing before this"};
  if (inside) return c == ';' ? std::optional<Slip>({next, "write \",\" instead of \";\""}) : std::nullopt;
  if (c != ',' && c != ';') return std::nullopt;
  if (line_ends(text, next + 1))
    return Slip{next, fmt::format("remove the \"{}\" at the end of the line", c)};
  if (in("]}", text[at - 1]))
    return Slip{next,
                fmt::format("the \"{}\" before this closes the whole value, and more follows", text[at - 1])};
  return Slip{next, fmt::format("more follows behind the \"{}\"; a list of values stands in […]", c)};
}

std::optional<Slip> address_slip(std::string_view text, std::size_t at) {
  const std::size_t close = skip(text, at + 1, "0123456789abcdefABCDEF:.");
  if (char_at(text, at) != '[' || char_at(text, close) != ']') return std::nullopt;
  if (char_at(text, close + 1) != ':' || !is_digit(char_at(text, close + 2))) return std::nullopt;
  const std::size_t end = skip(text, close + 2, "0123456789");
  return Slip{
      at, fmt::format("an address in brackets needs quotes; write {}", quoted(text.substr(at, end - at)))};
}

std::optional<Slip> odd_character(std::string_view text, std::size_t at) {
  const auto odd = std::find_if(kOdd.begin(), kOdd.end(),
                                [&](const Odd& one) { return text.substr(at).starts_with(one.bytes); });
  if (odd == kOdd.end()) return std::nullopt;
  return Slip{at, std::string(odd->told)};
}

std::optional<Slip> odd_in_word(std::string_view text, std::size_t at, std::string_view word, bool key) {
  if (std::none_of(word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return std::nullopt;
  if (text.substr(at, word.size()) != word) return std::nullopt;  // written in another way
  if (auto odd = odd_character(text, at)) return odd;
  for (const Odd& odd : kOdd) {
    if (odd.shows) continue;
    const std::size_t found = key ? word.find(odd.bytes) : word.rfind(odd.bytes);
    if (found == std::string_view::npos) continue;
    if (key || found + odd.bytes.size() == word.size()) return Slip{at + found, std::string(odd.told)};
  }
  return std::nullopt;
}

Quote quote_at(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  std::size_t at = begin + 1;
  while (at < text.size()) {
    const bool escape = quote == '"' && text[at] == '\\';
    if (!escape && text[at] == quote && (quote == '"' || char_at(text, at + 1) != quote)) break;
    at += escape || text[at] == quote ? 2 : 1;
  }
  return {begin, std::min(at, text.size())};
}

bool runs_away(std::string_view text, const Quote& quote) {
  if (quote.end == text.size()) return true;
  std::size_t end = text.find('\n', quote.begin);
  if (end >= quote.end) return false;
  const std::size_t indent = indent_at(text, quote.begin);
  for (; end < quote.end; end = text.find('\n', end + 1)) {
    if (begins_entry(text, end + 1, indent)) return true;
  }
  return false;
}

bool begins_entry(std::string_view text, std::size_t line, std::size_t indent) {
  const std::string_view whole = text.substr(line, text.find('\n', line) - line);
  const std::size_t own = std::min(whole.find_first_not_of(' '), whole.size());
  const std::string_view rest = whole.substr(own);
  const auto word = static_cast<std::size_t>(
      std::find_if_not(rest.begin(), rest.end(), [](char c) { return is_alnum(c) || in("_-", c); }) -
      rest.begin());
  const bool key = word != 0 && word < rest.size() && rest[word] == ':';
  return own <= indent && (key || rest.starts_with("- "));
}

std::size_t indent_at(std::string_view text, std::size_t at) {
  const std::size_t line = text.substr(0, at).rfind('\n') + 1;  // npos + 1 is 0
  return skip(text, line, " ") - line;
}

}  // namespace sluice::config
