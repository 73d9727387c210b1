// Instants of the wall clock, for what people order and what outlives the process. Whatever waits goes by the
// steady clock.
#pragma once

#include "sluice/base/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::control {

using UnixMs = std::int64_t;  // milliseconds since 1970, UTC

UnixMs unix_now();
// The same instant by the other clock, as both stand now.
Nanos steady_of(UnixMs moment);
UnixMs unix_of(Nanos steady);

// "2026-11-29T18:00:00Z" (RFC 3339; seconds may be missing, or have a fraction), or how long from `now`, as
// durations stand in the file, with or without a sign: "+15m". Empty: `problem` says why.
std::optional<UnixMs> parse_moment(std::string_view text, UnixMs now, std::string& problem);

// As parse_moment() takes it: to the millisecond, and to the second.
std::string exact_text(UnixMs moment);
std::string moment_text(UnixMs moment);

// The end of what is ordered now; what lasts longer than kLongestOrder is most likely a mistake.
inline constexpr UnixMs kLongestOrder = UnixMs{366} * 24 * 3600 * 1000;
std::optional<UnixMs> parse_end(std::string_view text, UnixMs now, std::string& problem);

}  // namespace sluice::control
