// The process's own log: lines on stderr, `TIME LEVEL message` for people and journald, or JSON for programs.
// They are written by a thread of the log's own: whoever logs never waits, and where nobody reads stderr
// lines are lost and counted. Not for requests: those go to the access log.
#pragma once

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace sluice::observe {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

enum class ProcessLogFormat : std::uint8_t { text, json };

// What has more to say than a line does.
struct LogRecord {
  std::string_view message;  // one line
  std::string_view details;  // for people: lines that follow, each with time and level
  std::string_view members;  // for programs, in the JSON form instead: `"key":value,…`
};

void set_log_level(LogLevel level);
void set_log_format(ProcessLogFormat format);
ProcessLogFormat log_format();
void write_log(LogLevel level, std::string_view message);
// The lines of one record stay together.
void write_record(LogLevel level, const LogRecord& record);
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
