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

constexpr std::uint64_t kHour = 3'600'000;

// Units as people write them who come from elsewhere; in lower case.
struct Spelling {
  std::string_view word;
  std::uint64_t factor;
};

constexpr std::array kOtherTimes{
    Spelling{"msec", 1},         Spelling{"msecs", 1},        Spelling{"millis", 1},
    Spelling{"millisecond", 1},  Spelling{"milliseconds", 1}, Spelling{"ms", 1},
    Spelling{"s", 1000},         Spelling{"sec", 1000},       Spelling{"secs", 1000},
    Spelling{"second", 1000},    Spelling{"seconds", 1000},   Spelling{"m", 60'000},
    Spelling{"min", 60'000},     Spelling{"mins", 60'000},    Spelling{"minute", 60'000},
    Spelling{"minutes", 60'000}, Spelling{"h", kHour},        Spelling{"hr", kHour},
    Spelling{"hrs", kHour},      Spelling{"hour", kHour},     Spelling{"hours", kHour},
    Spelling{"d", 24 * kHour},   Spelling{"day", 24 * kHour}, Spelling{"days", 24 * kHour},
    Spelling{"w", 168 * kHour}};
constexpr std::array kOtherSizes{
    Spelling{"b", 1},           Spelling{"byte", 1},         Spelling{"bytes", 1},
    Spelling{"k", kKiB},        Spelling{"kb", kKiB},        Spelling{"kib", kKiB},
    Spelling{"m", kMiB},        Spelling{"mb", kMiB},        Spelling{"mib", kMiB},
    Spelling{"g", kGiB},        Spelling{"gb", kGiB},        Spelling{"gib", kGiB},
    Spelling{"t", 1024 * kGiB}, Spelling{"tb", 1024 * kGiB}, Spelling{"tib", 1024 * kGiB}};

// What a quantity is called and which units it takes, smallest first.
struct Quantity {
  std::string_view noun;
  std::string_view units;
  std::string_view usual;  // the unit that a number without one may have meant
  std::string_view usual_name;
  std::string_view example;
  std::span<const Unit> table;
  std::span<const Spelling> spellings;
};

constexpr std::array kTimes{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizes{Unit{"B", 1}, Unit{"KiB", kKiB}, Unit{"MiB", kMiB}, Unit{"GiB", kGiB}};
constexpr Quantity kDuration{"a duration", "ms, s, m or h", "s", "seconds", "30s", kTimes, kOtherTimes};
constexpr Quantity kSize{"a size", "B, KiB, MiB or GiB", "B", "bytes", "10MiB", kSizes, kOtherSizes};

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

std::string show(std::uint64_t value, std::span<const Unit> table);

// What is meant by numbers with units of any spelling, one behind the other ("1m30s", "10 MB"), in the least
// unit; 0 for what cannot be told.
std::uint64_t guess(std::string_view text, std::span<const Spelling> spellings) {
  std::uint64_t sum = 0;
  std::string rest = lower(text);
  std::erase(rest, ' ');
  for (std::string_view left = rest; !left.empty();) {
    const std::string_view number = take_digits(left);
    const auto end = std::find_if(left.begin(), left.end(), is_digit);
    const std::string_view unit = left.substr(0, static_cast<std::size_t>(end - left.begin()));
    const auto found = std::find_if(spellings.begin(), spellings.end(),
                                    [&](const Spelling& entry) { return entry.word == unit; });
    if (number.empty() || number.size() > 6 || found == spellings.end()) return 0;
    sum += to_number(number) * found->factor;
    left.remove_prefix(unit.size());
  }
  return sum;
}

// Why it is no quantity, with the right way to write it where that can be told.
std::string unit_error(std::string_view text, const Quantity& quantity) {
  if (const std::uint64_t meant = guess(text, quantity.spellings); meant != 0) {
    return fmt::format("{} is not {} as written here; write {}", quoted(text), quantity.noun,
                       quoted(show(meant, quantity.table)));
  }
  if (all_digits(text)) {
    return fmt::format("{} has no unit; write {} if {} are meant, and otherwise add {}", quoted(text),
                       quoted(fmt::format("{}{}", text, quantity.usual)), quantity.usual_name,
                       quantity.units);
  }
  if (text.starts_with('-')) return fmt::format("{} is negative; {} is not", quoted(text), quantity.noun);
  return fmt::format("{} is not {}; write a number and {}, such as {}", quoted(text), quantity.noun,
                     quantity.units, quoted(quantity.example));
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
  const auto unit = std::find_if(quantity.table.begin(), quantity.table.end(),
                                 [&](const Unit& u) { return u.name == rest; });
  if (whole.empty() || dotted != !fraction.empty() || unit == quantity.table.end()) {
    return failed<std::uint64_t>(unit_error(text, quantity));
  }
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

// "/s", "r/s", "ps", " per minute": the unit of time that is meant, as it is written here, or nothing.
std::string_view guess_period(std::string_view text) {
  std::string unit = lower(text);
  std::erase_if(unit, [](char c) { return c == ' ' || c == '/' || c == '1'; });
  for (const std::string_view noun : {"requests", "req", "r"}) {
    if (unit.starts_with(noun)) unit.erase(0, noun.size());
  }
  if (unit.starts_with("per")) unit.erase(0, 3);
  if (unit == "ps" || unit == "pm" || unit == "ph") unit.erase(0, 1);
  const auto found = std::find_if(kOtherTimes.begin(), kOtherTimes.end(),
                                  [&](const Spelling& entry) { return entry.word == unit; });
  if (found == kOtherTimes.end()) return {};
  const auto period = std::find_if(kPeriods.begin(), kPeriods.end(),
                                   [&](const Unit& known) { return known.factor == found->factor; });
  return period != kPeriods.end() ? period->name : std::string_view();
}

// "10r/s", "10 per minute", "10/sec", "10rps": the rate that is meant, as it is written here, or nothing.
std::string guess_rate(std::string_view text) {
  std::string_view rest = text;
  const std::string_view digits = take_digits(rest);
  if (digits.empty() || digits.size() > kMaxWhole) return {};
  const std::string_view period = guess_period(rest);
  return period.empty() ? std::string() : fmt::format("{}/{}", digits, period);
}

// "1MB/s", "512 kB per second", "1MBps", "512k" as nginx has it: the same of bytes.
std::string guess_byte_rate(std::string_view text) {
  const std::string plain = lower(text);
  std::size_t end = std::min(plain.find('/'), plain.find("per"));
  if (end == std::string::npos && plain.ends_with("ps")) end = plain.size() - 2;
  const std::uint64_t size = guess(std::string_view(plain).substr(0, end), kOtherSizes);
  const std::string_view period =
      end == std::string::npos ? "s" : guess_period(std::string_view(plain).substr(end));
  return size == 0 || period.empty() ? std::string() : fmt::format("{}/{}", show(size, kSizes), period);
}

// Whether nothing but zeros is written, in whatever unit.
bool is_nothing(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0."));
  return digits.starts_with('0') && (digits.size() == text.size() || !is_digit(text[digits.size()]));
}

// Why it is no rate of bytes; `amount` is what stands before the "/".
std::string byte_rate_error(std::string_view text, std::string_view amount) {
  if (const std::string meant = guess_byte_rate(text); !meant.empty())
    return fmt::format("{} is not a rate of bytes as written here; write {}", quoted(text), quoted(meant));
  if (const std::string_view period = guess_period(text.substr(amount.size()));
      all_digits(amount) && !period.empty()) {
    return fmt::format(
        "{} has no unit of size; write {} if bytes are meant, and otherwise add B, KiB, MiB or GiB",
        quoted(text), quoted(fmt::format("{}B/{}", amount, period)));
  }
  if (lower(text).find("bit") != std::string::npos)
    return fmt::format("{} is in bits; write bytes, such as \"1MiB/s\"", quoted(text));
  return fmt::format("{} is not a rate of bytes; write a size and /s, /m or /h, such as \"1MiB/s\"",
                     quoted(text));
}

}  // namespace

Parsed<std::uint64_t> parse_whole(std::string_view text) {
  if (!all_digits(text)) {
    std::string plain(text);
    std::erase_if(plain, [](char c) { return c == ',' || c == '_' || c == ' ' || c == '\''; });
    const bool grouped = all_digits(plain) && plain.front() != '0';
    return failed<std::uint64_t>(
        fmt::format("expected a whole number, got {}{}", quoted(text), grouped ? "; write " + plain : ""));
  }
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
  if (is_nothing(text)) return failed<Rate>("a rate of 0 would let nothing pass; write 1/h or more");
  if (all_digits(text)) {
    return failed<Rate>(fmt::format("{} has no unit of time; write {} if it is per second, and otherwise {}",
                                    quoted(text), quoted(fmt::format("{}/s", text)), "/m or /h"));
  }
  const auto period =
      std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Unit& u) { return u.name == unit; });
  if (!all_digits(digits) || period == kPeriods.end()) {
    const std::string meant = guess_rate(text);
    return failed<Rate>(
        meant.empty()
            ? fmt::format("{} is not a rate; write a whole number and {}, such as \"10/s\"", quoted(text),
                          kUnits)
            : fmt::format("{} is not a rate as written here; write {}", quoted(text), quoted(meant)));
  }
  Parsed<std::uint64_t> count = parse_whole(digits);
  if (!count) return failed<Rate>(std::move(count.error));
  if (count.value > kMostPerPeriod) {
    return failed<Rate>(fmt::format("{} is out of range: 1..{}", quoted(text), kMostPerPeriod));
  }
  return {{count.value, Duration(static_cast<Duration::rep>(period->factor))}, {}};
}

Parsed<Rate> parse_byte_rate(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  const std::string_view unit = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const auto period =
      std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Unit& u) { return u.name == unit; });
  if (is_nothing(text)) return failed<Rate>("a rate of 0 would let nothing pass; write 1KiB/s or more");
  if (period == kPeriods.end() && parse_size(text)) {
    return failed<Rate>(fmt::format("{} has no unit of time; write {} if it is per second, and otherwise {}",
                                    quoted(text), quoted(fmt::format("{}/s", text)), "/m or /h"));
  }
  const std::string_view amount = text.substr(0, std::min(slash, text.size()));
  Parsed<std::uint64_t> size = parse_size(amount);
  if (!size || period == kPeriods.end()) return failed<Rate>(byte_rate_error(text, amount));
  if (size.value / (period->factor / kPeriods[0].factor) > kMostPerPeriod) {
    return failed<Rate>(
        fmt::format("{} is more than can be paced; write {}/s or less, or leave the limit out", quoted(text),
                    show_size(kMostPerPeriod / kMiB * kMiB)));
  }
  return {{size.value, Duration(static_cast<Duration::rep>(period->factor))}, {}};
}

Parsed<double> parse_percentage(std::string_view text) {
  std::string_view rest = text;
  if (text.ends_with('%')) {
    const std::string_view number = text.substr(0, text.find_last_not_of(" %") + 1);
    if (const auto meant = parse_percentage(number)) {
      return failed<double>(fmt::format("{} is written without the \"%\"; write {}", quoted(text), number));
    }
  }
  const std::string_view whole = take_digits(rest);
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

std::optional<Duration> duration_in(std::string_view text, std::string& problem) {
  Parsed<Duration> parsed = parse_duration(text);
  if (parsed) return parsed.value;
  problem = std::move(parsed.error);
  return std::nullopt;
}

std::string show_duration(Duration value) { return show(static_cast<std::uint64_t>(value.count()), kTimes); }

std::string show_size(std::uint64_t bytes) { return show(bytes, kSizes); }

}  // namespace sluice::config
