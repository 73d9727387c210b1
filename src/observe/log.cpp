#include "sluice/observe/log.hpp"

#include "observe/process_log.hpp"

#include <atomic>
#include <ctime>
#include <string>
#include <unistd.h>

namespace sluice::observe {
namespace {

std::atomic<LogLevel> threshold{LogLevel::info};

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "info";
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
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
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

void write_log(LogLevel level, std::string_view message) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  std::string line = fmt::format("{} {} {}\n", timestamp(), name_of(level), message);
  process_log()->put(LogKind::process, line);
}

void flush_log() { process_log()->flush(); }

}  // namespace sluice::observe
