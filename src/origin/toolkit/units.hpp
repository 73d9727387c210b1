// Numbers with units as people write them, in options and in query strings.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::toolkit {

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;

// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

// "100", "16KiB", "1MiB", "2GiB".
std::optional<std::uint64_t> parse_size(std::string_view text);

// "10us", "250ms", "5s", "2m", "1h"; fractions allowed ("1.5s"). Only 0 may stand without a unit.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace sluice::toolkit
