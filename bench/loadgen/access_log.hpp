// Access logs as a source of load, for --replay: Sluice's JSON lines, and the combined format of nginx and
// Apache, also with the virtual host in front.
#pragma once

#include "loadgen/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

struct LogEntry {
  Nanoseconds at = 0;  // when the request began, since 1970
  std::string method;
  std::string target;
  std::string host;             // empty: the log does not say
  unsigned status = 0;          // the code that was answered
  std::uint64_t body_size = 0;  // of the request, bytes; 0 when the log does not say
};

struct AccessLog {
  std::vector<LogEntry> entries;  // by time
  std::uint64_t skipped = 0;      // lines that are no request
};

// One line. Nothing when it is in neither format, or is not about a request that could be made.
std::optional<LogEntry> parse_log_line(std::string_view line);

// A log of JSON lines says when a request began (its end less its duration), to the millisecond. The combined
// format knows whole seconds: the requests of one second are spread evenly over it.
AccessLog parse_access_log(std::string_view text);

// Throws std::runtime_error when the file cannot be read.
AccessLog read_access_log(const std::string& path);

}  // namespace sluice::bench
