#include "loadgen/load.hpp"

#include "loadgen/crew.hpp"
#include "loadgen/progress.hpp"
#include "loadgen/source.hpp"
#include "loadgen/stop.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>

#include <fmt/core.h>

namespace sluice::bench {
namespace {

class LoadRun {
 public:
  LoadRun(const LoadOptions& options, const Catalogue& catalogue);

  LoadResult run();

 private:
  void open();
  Times make_times() const;
  Schedule make_schedule(Share share) const;
  void watch(const Crew& crew);
  void wait_until(Nanoseconds time);
  std::uint64_t bytes_received() const;

  const LoadOptions& options_;
  const Catalogue& catalogue_;
  std::deque<Worker> workers_;
  Times times_;
  std::atomic<Nanoseconds> end_{never};
  Nanoseconds next_progress_ = never;
  std::optional<Progress> progress_;
  LoadResult result_;
};

LoadRun::LoadRun(const LoadOptions& options, const Catalogue& catalogue)
    : options_(options), catalogue_(catalogue) {
  for (std::uint32_t thread = 0; thread < options.threads; ++thread)
    workers_.emplace_back(options, catalogue, Share{thread, options.threads});
}

LoadResult LoadRun::run() {
  if (options_.keep_alive) open();
  times_ = make_times();
  end_ = times_.end;
  if (options_.progress) {
    progress_.emplace(workers_, times_.start);
    next_progress_ = times_.start + per_second;
  }
  Crew crew(workers_, [this](Worker& worker) { worker.run(make_schedule(worker.share()), end_); });
  watch(crew);
  crew.finish();
  if (progress_) progress_->finish();
  for (const auto& worker : workers_)
    result_.tally.merge(worker.tally());
  return std::move(result_);
}

void LoadRun::open() {
  std::mutex mutex;
  Swept all;
  Crew crew(workers_, [&](Worker& worker) {
    const auto swept = worker.open();
    const std::lock_guard lock(mutex);
    all.done += swept.done;
    if (swept.failed > 0) all.last_failure = swept.last_failure;
  });
  crew.finish();
  if (all.done == 0) throw std::runtime_error(no_connection(options_, all.last_failure));
}

Times LoadRun::make_times() const {
  Times times;
  times.start = now();
  times.measured_from = times.start + options_.warmup;
  Nanoseconds lasts = options_.duration;
  if (options_.loop == Loop::replay) {
    // To the end of the log, its last request included.
    const auto end_of_log = static_cast<Nanoseconds>(
        static_cast<double>(catalogue_.trace_offset(catalogue_.trace_size() - 1)) / options_.speed);
    lasts = std::min(lasts, end_of_log + 1 - std::min(end_of_log, options_.warmup));
  }
  times.end = times.measured_from + lasts;
  return times;
}

Schedule LoadRun::make_schedule(Share share) const {
  switch (options_.loop) {
    case Loop::closed: return {times_, share};
    case Loop::even: return {times_, share, even_arrivals(options_.rate)};
    case Loop::poisson: return {times_, share, poisson_arrivals(options_.rate, share)};
    case Loop::replay: break;
  }
  return {
      times_, share, [this](std::uint64_t index) {
        if (index >= catalogue_.trace_size()) return never;
        return static_cast<Nanoseconds>(static_cast<double>(catalogue_.trace_offset(index)) / options_.speed);
      }};
}

// Takes what everything costs where the measured time begins and ends.
void LoadRun::watch(const Crew& crew) {
  wait_until(times_.measured_from);
  if (options_.announce) fmt::print(stderr, "measuring\n");
  const auto before = Usage::take(crew.threads(), options_.server_pid);
  const auto bytes_before = bytes_received();
  wait_until(times_.end);
  result_.cost = Cost::between(before, Usage::take(crew.threads(), options_.server_pid));
  result_.bytes_received = bytes_received() - bytes_before;
  if (options_.announce) fmt::print(stderr, "measured\n");
}

// Returns early when the run is to end early.
void LoadRun::wait_until(Nanoseconds time) {
  for (Nanoseconds current = now(); current < time && !result_.interrupted; current = now()) {
    if (stop_requests() > 0) {
      result_.interrupted = true;
      end_ = std::min(times_.end, current);
      return;
    }
    if (current >= next_progress_) {
      progress_->print(current);
      next_progress_ += per_second;
    }
    // A signal that comes between the look above and the wait is noticed a moment later.
    constexpr Nanoseconds a_moment = 50 * per_millisecond;
    const Nanoseconds pause = std::min({time - current, next_progress_ - current, a_moment});
    const timespec wait{0, static_cast<long>(pause)};
    ::nanosleep(&wait, nullptr);
  }
}

std::uint64_t LoadRun::bytes_received() const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_)
    sum += worker.counters().received.get();
  return sum;
}

}  // namespace

LoadResult run_load(const LoadOptions& options, const Catalogue& catalogue) {
  auto result = LoadRun(options, catalogue).run();
  result.lines_skipped = catalogue.lines_skipped();
  return result;
}

}  // namespace sluice::bench
