#include "loadgen/usage.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <pthread.h>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

Nanoseconds own_cpu_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // The name in parentheses may contain anything. Behind it: state and ten numbers, utime, stime, and both of
  // the children that have ended.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i)
    fields >> skipped;
  std::uint64_t ticks = 0;
  for (int i = 0; i < 4; ++i) {
    std::uint64_t part = 0;
    fields >> part;
    ticks += part;
  }
  return ticks * per_second / static_cast<Nanoseconds>(::sysconf(_SC_CLK_TCK));
}

Nanoseconds cpu_of_family(pid_t pid) {
  Nanoseconds sum = own_cpu_of(pid);
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;)
      sum += cpu_of_family(child);
  }
  return sum;
}

}  // namespace

ThreadMeter::~ThreadMeter() {
  if (schedstat_ >= 0) ::close(schedstat_);
}

void ThreadMeter::attach() {
  ::pthread_getcpuclockid(::pthread_self(), &clock_);
  schedstat_ = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

Nanoseconds ThreadMeter::cpu() const {
  timespec time{};
  ::clock_gettime(clock_, &time);
  return static_cast<Nanoseconds>(time.tv_sec) * per_second + static_cast<Nanoseconds>(time.tv_nsec);
}

// "<running> <waiting> <slices>", nanoseconds.
Nanoseconds ThreadMeter::waiting() const {
  std::array<char, 128> text{};
  const auto length = ::pread(schedstat_, text.data(), text.size(), 0);
  if (length <= 0) return 0;
  std::string_view rest(text.data(), static_cast<std::size_t>(length));
  rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  return toolkit::parse_number(rest.substr(0, rest.find(' '))).value_or(0);
}

Usage Usage::take(const std::vector<ThreadMeter>& threads, pid_t server) {
  Usage usage;
  usage.at = now();
  for (const auto& thread : threads) {
    usage.cpu.push_back(thread.cpu());
    usage.waiting.push_back(thread.waiting());
  }
  if (server > 0) usage.server_cpu = cpu_of_family(server);
  return usage;
}

Cost Cost::between(const Usage& earlier, const Usage& later) {
  Cost cost;
  cost.elapsed = later.at - earlier.at;
  for (std::size_t thread = 0; thread < later.cpu.size(); ++thread) {
    const Nanoseconds cpu = later.cpu[thread] - earlier.cpu[thread];
    cost.cpu += cpu;
    cost.busiest = std::max(cost.busiest, cpu);
    cost.waiting = std::max(cost.waiting, later.waiting[thread] - earlier.waiting[thread]);
  }
  cost.server_cpu = later.server_cpu - std::min(later.server_cpu, earlier.server_cpu);
  return cost;
}

}  // namespace sluice::bench
