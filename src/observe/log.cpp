#include "sluice/observe/log.hpp"

#include <atomic>
#include <ctime>
#include <string>
#include <unistd.h>

namespace sluice::observe {
namespace {

std::atomic<config::LogLevel> threshold{config::LogLevel::info};

std::string_view name_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug: return "debug";
    case config::LogLevel::info: return "info";
    case config::LogLevel::warn: return "warn";
    case config::LogLevel::error: return "error";
  }
  return "info";
}

}  // namespace

std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1'000'000);
}

void set_log_level(config::LogLevel level) { threshold.store(level, std::memory_order_relaxed); }

void write_log(config::LogLevel level, std::string_view message) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  const std::string line = fmt::format("{} {} {}\n", timestamp(), name_of(level), message);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sluice::observe
