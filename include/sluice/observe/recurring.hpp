// A message to the process log that traffic or a peer can cause, again and again and on every worker at once:
// one of these for each subject keeps it within bounds, with a count (base/throttle.hpp). Any thread.
#pragma once

#include "sluice/base/throttle.hpp"
#include "sluice/observe/log.hpp"

#include <mutex>
#include <string_view>
#include <utility>

namespace sluice::observe {

// Of what has two states, such as a server: enough to follow it one by one, until it flaps.
inline constexpr Pace kStatePace{.at_once = 10};

class Recurring {
 public:
  constexpr Recurring() = default;
  constexpr explicit Recurring(const Pace& pace) : throttle_(pace) {}
  Recurring(const Recurring&) = delete;
  Recurring& operator=(const Recurring&) = delete;

  // It happened.
  template <class... Args>
  void tell(LogLevel level, Nanos now, fmt::format_string<Args...> format, Args&&... args) {
    if (const auto times = count(now); times != 0)
      say(level, times, fmt::format(format, std::forward<Args>(args)...));
  }
  // It lasts. Says so where it was kept back when it happened, as soon as its time has come.
  template <class... Args>
  void remind(LogLevel level, Nanos now, fmt::format_string<Args...> format, Args&&... args) {
    if (const auto times = overdue(now); times != 0)
      say(level, times, fmt::format(format, std::forward<Args>(args)...));
  }
  // It is over.
  template <class... Args>
  void over(fmt::format_string<Args...> format, Args&&... args) {
    if (recovered()) write_log(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  std::uint64_t count(Nanos now) {
    const std::lock_guard lock(mutex_);
    return throttle_.failed(now);
  }
  std::uint64_t overdue(Nanos now) {
    const std::lock_guard lock(mutex_);
    return throttle_.overdue(now);
  }
  bool recovered() {
    const std::lock_guard lock(mutex_);
    return throttle_.recovered();
  }
  static void say(LogLevel level, std::uint64_t times, std::string_view message) {
    if (times == 1) return write_log(level, message);
    write_log(level, fmt::format("{} ({} times since it was last said)", message, times));
  }

  std::mutex mutex_;
  Throttle throttle_;
};

}  // namespace sluice::observe
