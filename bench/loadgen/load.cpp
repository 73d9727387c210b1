#include "loadgen/load.hpp"

#include "loadgen/fleet.hpp"
#include "loadgen/schedule.hpp"
#include "loadgen/stop.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

using Progress = Connection::Progress;

// Connections without a request, the longest-resting first: so all of them stay in use, as clients' would.
class Resting {
 public:
  explicit Resting(std::size_t capacity) : ring_(capacity) {}
  bool empty() const { return count_ == 0; }
  void push(std::uint32_t index) { ring_[(first_ + count_++) % ring_.size()] = index; }
  std::uint32_t pop() {
    const auto index = ring_[first_];
    first_ = (first_ + 1) % ring_.size();
    --count_;
    return index;
  }

 private:
  std::vector<std::uint32_t> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

class LoadRun {
 public:
  explicit LoadRun(const LoadOptions& options)
      : options_(options), fleet_(options), requests_(fleet_.size()), resting_(fleet_.size()) {}

  LoadResult run();

 private:
  // The request on each connection.
  struct Request {
    Nanoseconds intended = 0;
    Nanoseconds started = 0;
    Nanoseconds resting_since = 0;
    bool active = false;
    bool measured = false;
  };

  void loop(OpenSchedule& schedule);
  void start_due(OpenSchedule& schedule);
  void settle(std::uint32_t index, Progress progress);
  void count_answer(const Request& request, unsigned status, Nanoseconds time);
  void count_failure(const Request& request, Failure failure);
  void rest(std::uint32_t index, Nanoseconds time);
  void check_timeouts(Nanoseconds time);
  void watch_window(const OpenSchedule& schedule, Nanoseconds time);
  Nanoseconds time_to_wait(const OpenSchedule& schedule, Nanoseconds deadline) const;

  enum class Window { before, within, after };

  const LoadOptions& options_;
  Fleet fleet_;
  std::vector<Request> requests_;
  Resting resting_;
  std::uint32_t active_ = 0;
  Nanoseconds next_timeout_check_ = 0;
  Window window_ = Window::before;
  Usage usage_at_start_;
  std::uint64_t bytes_at_start_ = 0;
  LoadResult result_;
};

LoadResult LoadRun::run() {
  if (options_.shape.keep_alive) result_.connections_opened = fleet_.open_all(options_.timeout).done;
  const Nanoseconds start = now();
  for (std::uint32_t i = 0; i < fleet_.size(); ++i)
    rest(i, start);
  OpenSchedule schedule(start, options_.rate, options_.warmup, options_.duration);
  loop(schedule);
  result_.measured.unsent = schedule.unissued();
  for (const auto& request : requests_) {
    if (!request.active) continue;
    ++(request.measured ? result_.measured.unanswered : result_.warmup_lost);
  }
  return std::move(result_);
}

void LoadRun::loop(OpenSchedule& schedule) {
  for (Nanoseconds time = now(); stop_requests() < 2; time = now()) {
    if (stop_requests() > 0 && !result_.interrupted) {
      result_.interrupted = true;
      schedule.stop(time);
    }
    watch_window(schedule, time);
    const Nanoseconds deadline = schedule.end() + options_.grace;
    const bool settled = schedule.exhausted() && active_ == 0;
    if (time >= deadline || (window_ == Window::after && settled)) break;
    if (time >= next_timeout_check_) check_timeouts(time);
    start_due(schedule);
    fleet_.wait(time_to_wait(schedule, deadline),
                [this](std::uint32_t index, Progress progress) { settle(index, progress); });
  }
}

// Takes the generator's own costs where the measured time begins and ends.
void LoadRun::watch_window(const OpenSchedule& schedule, Nanoseconds time) {
  if (window_ == Window::before && time >= std::min(schedule.measured_from(), schedule.end())) {
    window_ = Window::within;
    if (options_.announce) fmt::print(stderr, "measuring\n");
    usage_at_start_ = Usage::take();
    bytes_at_start_ = fleet_.bytes_received();
  }
  if (window_ == Window::within && time >= schedule.end()) {
    window_ = Window::after;
    result_.own = Usage::take() - usage_at_start_;
    result_.bytes_received = fleet_.bytes_received() - bytes_at_start_;
    if (options_.announce) fmt::print(stderr, "measured\n");
  }
}

Nanoseconds LoadRun::time_to_wait(const OpenSchedule& schedule, Nanoseconds deadline) const {
  Nanoseconds until = std::min(next_timeout_check_, deadline);
  if (window_ != Window::after)
    until = std::min(until, window_ == Window::before ? schedule.measured_from() : schedule.end());
  // Without a free connection only an answer can help, and that is an event.
  if (!schedule.exhausted() && !resting_.empty()) until = std::min(until, schedule.due());
  const Nanoseconds time = now();
  return until > time ? until - time : 0;
}

void LoadRun::start_due(OpenSchedule& schedule) {
  while (!resting_.empty() && !schedule.exhausted()) {
    const Nanoseconds due = schedule.due();
    const Nanoseconds time = now();
    if (due > time) return;
    const auto index = resting_.pop();
    auto& request = requests_[index];
    const Nanoseconds possible = std::max(due, request.resting_since);
    request = {due, time, 0, true, schedule.is_measured()};
    schedule.issue();
    ++active_;
    if (request.measured) {
      ++result_.measured.sent;
      result_.lag.record(time - possible);
    } else {
      ++result_.warmup_sent;
    }
    auto& connection = fleet_[index];
    const auto progress = connection.ready() ? connection.send() : connection.open();
    if (progress != Progress::none) settle(index, progress);
  }
}

void LoadRun::settle(std::uint32_t index, Progress progress) {
  auto& connection = fleet_[index];
  const auto& request = requests_[index];
  if (progress == Progress::lost) {
    ++result_.connections_lost;
    return;  // stays among the resting; the next request opens it again
  }
  if (progress == Progress::opened) {
    ++result_.connections_opened;
    progress = connection.send();
    if (progress == Progress::none) return;
  }
  const Nanoseconds time = now();
  if (progress == Progress::answered)
    count_answer(request, connection.status(), time);
  else
    count_failure(request, connection.failure());
  --active_;
  rest(index, time);
}

void LoadRun::rest(std::uint32_t index, Nanoseconds time) {
  requests_[index].active = false;
  requests_[index].resting_since = time;
  resting_.push(index);
}

void LoadRun::count_answer(const Request& request, unsigned status, Nanoseconds time) {
  const bool ok = status < 400;
  if (!request.measured) {
    result_.warmup_lost += ok ? 0 : 1;
    return;
  }
  result_.measured.ok += ok ? 1 : 0;
  ++result_.measured.statuses[status / 100];
  result_.latency.record(time - request.intended);
  result_.service.record(time - request.started);
}

void LoadRun::count_failure(const Request& request, Failure failure) {
  if (request.measured)
    ++result_.measured.failures[static_cast<std::size_t>(failure)];
  else
    ++result_.warmup_lost;
}

void LoadRun::check_timeouts(Nanoseconds time) {
  next_timeout_check_ = time + 100 * per_millisecond;
  for (std::uint32_t i = 0; i < fleet_.size(); ++i) {
    if (!requests_[i].active || time - requests_[i].started < options_.timeout) continue;
    fleet_[i].abandon(Failure::timeout);
    settle(i, Progress::failed);
  }
}

}  // namespace

LoadResult run_load(const LoadOptions& options) { return LoadRun(options).run(); }

}  // namespace sluice::bench
