// The process's own log: lines on stderr, `TIME LEVEL message`, for people and journald. Each line is one
// write(2), by a thread of the log's own: whoever logs never waits, and where nobody reads stderr lines are
// lost and counted. Not for requests: those go to the access log.
#pragma once

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace sluice::observe {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

void set_log_level(LogLevel level);
void write_log(LogLevel level, std::string_view message);
// Waits until what was logged is written, for a second at most: before the process ends, or writes to stderr
// by itself.
void flush_log();

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

// "2026-11-21T01:02:03.004Z"; the text is the thread's own, until the next call.
std::string_view timestamp();

}  // namespace sluice::observe
