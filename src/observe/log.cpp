#include "sluice/observe/log.hpp"

#include "sluice/base/utf8.hpp"

#include "observe/process_log.hpp"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <iterator>
#include <string>
#include <unistd.h>

namespace sluice::observe {
namespace {

std::atomic<LogLevel> threshold{LogLevel::info};
std::atomic<ProcessLogFormat> form{ProcessLogFormat::text};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "info";
}

// The contents of a JSON string. What is no UTF-8 (the name of a file, say) must not spoil the line.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

std::string as_json(LogLevel level, std::string_view message, std::string_view members) {
  std::string out = fmt::format(R"({{"ts":"{}","level":"{}","message":")", timestamp(), name_of(level));
  append_escaped(out, message);
  out += '"';
  if (!members.empty()) out.append(",").append(members);
  return out += "}\n";
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

// Who reads lines finds time and level on each.
void append_lines(std::string& out, std::string_view front, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t begin = out.append(front).size();
    out.append(text.substr(0, end));
    // Terminals obey control characters, whoever sent them.
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_control, '?');
    out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string as_text(LogLevel level, std::string_view message, std::string_view details) {
  const std::string front = fmt::format("{} {} ", timestamp(), name_of(level));
  std::string out;
  append_lines(out, front, message);
  append_lines(out, front + "  ", details);
  return out;
}

}  // namespace

const std::shared_ptr<LineSink>& process_log() {
  // Never taken apart: threads that nobody waits for may still have something to say at the end.
  static const auto* const sink = new auto(std::make_shared<LineSink>(
      STDERR_FILENO, SinkSettings{.name = "log on stderr", .tell = write_log, .tells_at_once = false}));
  return *sink;
}

std::string_view timestamp() {
  // All but the milliseconds is the same for a whole second.
  thread_local std::time_t second = -1;
  thread_local char text[] = "0000-00-00T00:00:00.000Z";
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != second) {
    std::tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    text[19] = '.';
    text[23] = 'Z';
    second = now.tv_sec;
  }
  const auto milli = static_cast<unsigned>(now.tv_nsec / 1'000'000);
  text[20] = static_cast<char>('0' + milli / 100);
  text[21] = static_cast<char>('0' + milli / 10 % 10);
  text[22] = static_cast<char>('0' + milli % 10);
  return {text, sizeof text - 1};
}

void set_log_level(LogLevel level) { threshold.store(level, std::memory_order_relaxed); }

void set_log_format(ProcessLogFormat format) { form.store(format, std::memory_order_relaxed); }
ProcessLogFormat log_format() { return form.load(std::memory_order_relaxed); }

void write_log(LogLevel level, std::string_view message) { write_record(level, {message, {}, {}}); }

void write_record(LogLevel level, const LogRecord& record) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  std::string lines = log_format() == ProcessLogFormat::json ? as_json(level, record.message, record.members)
                                                             : as_text(level, record.message, record.details);
  process_log()->put(LogKind::process, lines);
}

void flush_log() { process_log()->flush(); }

}  // namespace sluice::observe
