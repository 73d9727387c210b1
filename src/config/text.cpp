#include "config/text.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::size_t kQuotedLimit = 80;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (to_lower(c) != c || !is_alpha(c)) continue;
    c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::string quoted(std::string_view text) {
  const bool cut = text.size() > kQuotedLimit;
  if (cut) {
    std::size_t end = kQuotedLimit;
    while (end > 0 && is_continuation(text[end]))
      --end;
    text = text.substr(0, end);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += cut ? "…\"" : "\"";
  return out;
}

}  // namespace sluice::config
