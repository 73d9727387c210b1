// What every part of a Document is made of: places in files, values that keep theirs, and limits in time.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>

namespace sluice::config {

using Duration = std::chrono::milliseconds;

// A place in a configuration file. Lines and columns count from 1, columns in bytes; line 0 means "the file
// as a whole". `file` indexes Document::files.
struct Position {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// A value and the place where it was written.
template <class T>
struct Located {
  T value{};
  Position at;
  bool operator==(const Located& other) const { return value == other.value; }
};

// So many in so much time: "500/m" is 500 in a minute.
struct Rate {
  std::uint64_t count = 0;  // 1..10^9
  Duration period{};        // a second, a minute or an hour
  bool operator==(const Rate&) const = default;
};

// Time limits, 1ms..24h (`drain` from 0). Unset means "as the level above": a route's fall back to its
// tenant's, these to the pool's, a pool's and a listener's to the process's. Listeners set `header`, `idle`,
// `body` and `drain`; pools `body` (their side of it), `drain`, `connect`, `first_byte` and `upstream_idle`;
// routes and tenants `body`, `connect` and `first_byte`.
struct Timeouts {
  std::optional<Duration> header;         // whole request head, from its first byte
  std::optional<Duration> idle;           // keep-alive client between two requests
  std::optional<Duration> body;           // between two reads or writes of a body
  std::optional<Duration> drain;          // connections on what was removed, and on stop
  std::optional<Duration> connect;        // TCP (and TLS) to an upstream
  std::optional<Duration> first_byte;     // upstream's first response byte
  std::optional<Duration> upstream_idle;  // an unused pooled upstream connection
  auto operator<=>(const Timeouts&) const = default;
};

// What applies where nothing was written.
inline constexpr Timeouts kDefaultTimeouts{.header = std::chrono::seconds(10),
                                           .idle = std::chrono::seconds(75),
                                           .body = std::chrono::seconds(30),
                                           .drain = std::chrono::seconds(30),
                                           .connect = std::chrono::seconds(3),
                                           .first_byte = std::chrono::seconds(60),
                                           .upstream_idle = std::chrono::seconds(4)};

}  // namespace sluice::config
