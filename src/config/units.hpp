// Numbers with units, as text. Whole numbers are decimal digits without sign and without leading zeros;
// durations and sizes are one number, fractions allowed, directly followed by one unit: 1.5s, 16KiB; rates
// are a whole number by a unit of time: 500/m.
#pragma once

#include "sluice/config/document.hpp"

#include "config/text.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::config {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;
inline constexpr std::uint64_t kPiB = kMiB * kGiB;

Parsed<std::uint64_t> parse_whole(std::string_view text);

// ms, s, m, h; must come out as a whole number of milliseconds. A bare 0 is no time at all.
Parsed<Duration> parse_duration(std::string_view text);

// B, KiB, MiB, GiB; must come out as a whole number of bytes. A bare 0 is zero bytes.
Parsed<std::uint64_t> parse_size(std::string_view text);

// N/s, N/m, N/h; N is 1..10^9.
Parsed<Rate> parse_rate(std::string_view text);

// A size by /s, /m or /h; the count is in bytes.
Parsed<Rate> parse_byte_rate(std::string_view text);

// A plain number, fractions allowed, without a sign: 12.5. The range is the reader's.
Parsed<double> parse_percentage(std::string_view text);

// As a person would write them: the largest unit that leaves a whole number.
std::string show_duration(Duration value);
std::string show_size(std::uint64_t bytes);

}  // namespace sluice::config
