#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// What a quantity is called and which units it takes, smallest first.
struct Quantity {
  std::string_view noun;
  std::string_view units;
  std::span<const Unit> table;
};

constexpr std::array kTimes{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizes{Unit{"B", 1}, Unit{"KiB", kKiB}, Unit{"MiB", kMiB}, Unit{"GiB", kGiB}};
constexpr Quantity kDuration{"a duration", "ms, s, m or h", kTimes};
constexpr Quantity kSize{"a size", "B, KiB, MiB or GiB", kSizes};

// Of rates. A millisecond cannot be meant.
constexpr std::span<const Unit> kPeriods = std::span(kTimes).subspan(1);
constexpr std::uint64_t kMostPerPeriod = 1'000'000'000;

// Digits beyond these cannot be meant, and within them the product with any unit fits 64 bits.
constexpr std::size_t kMaxWhole = 9;
constexpr std::size_t kMaxFraction = 6;

std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

std::uint64_t to_number(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits)
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

std::string unit_error(std::string_view text, std::string_view unit, const Quantity& quantity) {
  if (unit.empty()) return fmt::format("{} has no unit; add {}", quoted(text), quantity.units);
  return fmt::format("{} has the unit {}, but {} ends in {}", quoted(text), quoted(unit), quantity.noun,
                     quantity.units);
}

Parsed<std::uint64_t> parse_quantity(std::string_view text, const Quantity& quantity) {
  using Result = Parsed<std::uint64_t>;
  if (text == "0") return {};
  std::string_view rest = text;
  const std::string_view whole = take_digits(rest);
  std::string_view fraction;
  const bool dotted = rest.starts_with('.');
  if (dotted) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
  }
  if (whole.empty() || dotted != !fraction.empty()) {
    return failed<std::uint64_t>(
        fmt::format("{} is not {}: a number and {}", quoted(text), quantity.noun, quantity.units));
  }
  const auto unit = std::find_if(quantity.table.begin(), quantity.table.end(),
                                 [&](const Unit& u) { return u.name == rest; });
  if (unit == quantity.table.end()) return failed<std::uint64_t>(unit_error(text, rest, quantity));
  if (whole.size() > kMaxWhole || fraction.size() > kMaxFraction) {
    return failed<std::uint64_t>(fmt::format("{} has too many digits", quoted(text)));
  }
  std::uint64_t scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i)
    scale *= 10;
  const std::uint64_t parts = to_number(fraction) * unit->factor;
  if (parts % scale != 0) {
    return failed<std::uint64_t>(
        fmt::format("{} is not a whole number of {}", quoted(text), quantity.table[0].name));
  }
  return Result{to_number(whole) * unit->factor + parts / scale, {}};
}

std::string show(std::uint64_t value, std::span<const Unit> table) {
  const auto unit = std::find_if(table.rbegin(), table.rend() - 1,
                                 [&](const Unit& u) { return value != 0 && value % u.factor == 0; });
  return fmt::format("{}{}", value / unit->factor, unit->name);
}

}  // namespace

Parsed<std::uint64_t> parse_whole(std::string_view text) {
  if (!all_digits(text))
    return failed<std::uint64_t>(fmt::format("expected a whole number, got {}", quoted(text)));
  if (text.size() > 1 && text.front() == '0') {
    return failed<std::uint64_t>(fmt::format("{} has a leading zero; write it without", quoted(text)));
  }
  if (text.size() > 18) return failed<std::uint64_t>(fmt::format("{} has too many digits", quoted(text)));
  return {to_number(text), {}};
}

Parsed<Duration> parse_duration(std::string_view text) {
  Parsed<std::uint64_t> parsed = parse_quantity(text, kDuration);
  return {Duration(static_cast<Duration::rep>(parsed.value)), std::move(parsed.error)};
}

Parsed<std::uint64_t> parse_size(std::string_view text) { return parse_quantity(text, kSize); }

Parsed<Rate> parse_rate(std::string_view text) {
  constexpr std::string_view kUnits = "/s, /m or /h";
  const std::string_view digits = text.substr(0, text.find('/'));
  const std::string_view unit = text.substr(std::min(digits.size() + 1, text.size()));
  if (!all_digits(digits)) {
    return failed<Rate>(fmt::format("{} is not a rate: a whole number and {}", quoted(text), kUnits));
  }
  if (unit.empty()) {
    return failed<Rate>(fmt::format("{} has no unit of time; add {}", quoted(text), kUnits));
  }
  const auto period =
      std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Unit& u) { return u.name == unit; });
  if (period == kPeriods.end()) {
    return failed<Rate>(
        fmt::format("{} is per {}, but a rate ends in {}", quoted(text), quoted(unit), kUnits));
  }
  Parsed<std::uint64_t> count = parse_whole(digits);
  if (!count) return failed<Rate>(std::move(count.error));
  if (count.value < 1 || count.value > kMostPerPeriod) {
    return failed<Rate>(fmt::format("{} is out of range: 1..{}", quoted(text), kMostPerPeriod));
  }
  return {{count.value, Duration(static_cast<Duration::rep>(period->factor))}, {}};
}

Parsed<double> parse_percentage(std::string_view text) {
  std::string_view rest = text;
  const std::string_view whole = take_digits(rest);
  if (!whole.empty() && rest == "%") {
    return failed<double>(fmt::format("{} is written without the \"%\"", quoted(text)));
  }
  std::string_view fraction;
  const bool dotted = rest.starts_with('.');
  if (dotted) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
  }
  if (whole.empty() || dotted != !fraction.empty() || !rest.empty()) {
    return failed<double>(fmt::format("expected a percentage, a plain number, got {}", quoted(text)));
  }
  if (whole.size() > kMaxWhole || fraction.size() > kMaxFraction) {
    return failed<double>(fmt::format("{} has too many digits", quoted(text)));
  }
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return {value, {}};
}

std::string show_duration(Duration value) { return show(static_cast<std::uint64_t>(value.count()), kTimes); }

std::string show_size(std::uint64_t bytes) { return show(bytes, kSizes); }

}  // namespace sluice::config
