#include "origin/delay.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace sluice::origin {
namespace {

std::optional<double> parse_time(std::string_view text) {
  const auto time = toolkit::parse_duration(text);
  if (!time) return std::nullopt;
  return static_cast<double>(time->count());
}

std::optional<double> parse_plain(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{} || stop != end || number < 0) return std::nullopt;
  return number;
}

// Up to three parts between commas; nothing when there are more.
std::optional<std::vector<std::string_view>> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    if (parts.size() == 3) return std::nullopt;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<Delay> Delay::parse(std::string_view text) {
  struct Shape {
    std::string_view name;
    Kind kind;
    std::size_t parts;
  };
  static constexpr std::array<Shape, 4> shapes{{{"exp:", Kind::exponential, 1},
                                                {"uniform:", Kind::uniform, 2},
                                                {"lognormal:", Kind::lognormal, 2},
                                                {"mix:", Kind::mix, 3}}};
  Shape shape{"", Kind::fixed, 1};
  for (const auto& known : shapes)
    if (text.starts_with(known.name)) shape = known;
  const auto parts = split(text.substr(shape.name.size()));
  if (!parts || parts->size() != shape.parts) return std::nullopt;

  const auto first = parse_time((*parts)[0]);
  std::optional<double> second = 0;
  std::optional<double> percent = 0;
  if (shape.parts > 1)
    second = shape.kind == Kind::lognormal ? parse_plain((*parts)[1]) : parse_time((*parts)[1]);
  if (shape.parts > 2) percent = parse_plain((*parts)[2]);
  if (!first || !second || !percent || *percent > 100) return std::nullopt;
  if (shape.kind == Kind::uniform && *second < *first) return std::nullopt;

  Delay delay;
  delay.kind_ = shape.kind;
  delay.first_ = *first;
  delay.second_ = *second;
  delay.share_ = *percent / 100;
  return delay;
}

std::chrono::nanoseconds Delay::draw(Random& random) const {
  constexpr double longest = 3600e9;
  double time = first_;
  switch (kind_) {
    case Kind::fixed: break;
    case Kind::exponential:
      if (first_ > 0) time = std::exponential_distribution<double>(1 / first_)(random);
      break;
    case Kind::uniform: time = std::uniform_real_distribution<double>(first_, second_)(random); break;
    case Kind::lognormal: time *= std::exp(second_ * std::normal_distribution<double>()(random)); break;
    case Kind::mix:
      if (std::bernoulli_distribution(share_)(random)) time = second_;
      break;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(time, longest)));
}

void DelayRecord::add(std::chrono::nanoseconds delay) {
  constexpr std::size_t most = 1'000'000;
  if (delays_.size() < most) delays_.push_back(delay);
}

std::chrono::nanoseconds DelayRecord::percentile(double percent) {
  if (delays_.empty()) return {};
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(delays_.size())));
  const auto place = delays_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(delays_.begin(), place, delays_.end());
  return *place;
}

}  // namespace sluice::origin
