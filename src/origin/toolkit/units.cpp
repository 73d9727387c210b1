#include "origin/toolkit/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace sluice::toolkit {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  using Unit = std::pair<std::string_view, unsigned>;
  static constexpr std::array units{Unit{"KiB", 10}, Unit{"MiB", 20}, Unit{"GiB", 30}};
  unsigned shift = 0;
  for (const auto& [suffix, bits] : units) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(suffix.size());
    shift = bits;
    break;
  }
  const auto number = parse_number(text);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  using Unit = std::pair<std::string_view, double>;
  // "s" comes last, for it also ends "ms" and "us".
  static constexpr std::array units{Unit{"us", 1e3}, Unit{"ms", 1e6}, Unit{"m", 60e9}, Unit{"h", 3600e9},
                                    Unit{"s", 1e9}};
  double scale = 0;
  for (const auto& [suffix, nanoseconds] : units) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(suffix.size());
    scale = nanoseconds;
    break;
  }
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const bool whole = error == std::errc{} && stop == end && number >= 0;
  if (!whole || (scale == 0 && number != 0)) return std::nullopt;
  // A hundred years: more is a slip of the keyboard, and would overflow when added to a clock.
  if (number * scale > 3.2e18) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(number * scale));
}

}  // namespace sluice::toolkit
