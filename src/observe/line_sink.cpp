#include "observe/line_sink.hpp"

#include "sluice/base/clock.hpp"
#include "sluice/base/thread.hpp"

#include "observe/line_target.hpp"
#include "observe/losses.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::observe {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
// For a writer that is not stuck to end.
constexpr Nanos kLinger = 200 * kMillisecond;
// The process's own lines are few, and may not be crowded out where both logs go to one place.
constexpr std::size_t kReserved = 64 * 1024;
// Buffers that go back to who fills them: as many as workers are likely to need before the next is written.
constexpr std::size_t kSpares = 8;
constexpr std::size_t kLargestSpare = 128 * 1024;

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// For poll(2): until `at`, rounded up; for ever where that is 0.
int milliseconds_until(Nanos at) {
  if (at == 0) return -1;
  return static_cast<int>(std::max<Nanos>(0, (at - steady_now() + kMillisecond - 1) / kMillisecond));
}

}  // namespace

class LineSink::Writer {
 public:
  Writer(int fd, SinkSettings settings)
      : settings_(std::move(settings)), target_(fd), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_ < 0) throw std::system_error(errno, std::generic_category());
  }
  ~Writer() {
    for (const Batch& batch : queue_) {
      if (batch.fd >= 0) ::close(batch.fd);
    }
    ::close(event_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void put(LogKind kind, std::string& lines);
  void reopen(int fd);
  void flush();
  // Whether run() is over, or about to be.
  bool close();
  void run();

 private:
  struct Batch {
    LogKind kind = LogKind::process;
    std::string text;
    std::size_t cost = 0;
    int fd = -1;  // instead of lines: where all that follows goes
  };

  bool fits(LogKind kind, std::size_t size) const;
  Batch batch_of(LogKind kind, std::string& lines);
  bool next();
  void idle(std::unique_lock<std::mutex>& lock);
  void switch_to(int fd);
  void retire(Batch& batch);
  void write();
  bool writable();
  void fail(int error);
  void give_up();
  void lose(LogKind kind, std::uint64_t lines, std::string_view why);
  void signal() const;
  void wait(int milliseconds) const;

  const SinkSettings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> queue_;
  std::size_t held_ = 0;  // bytes not written yet
  std::vector<std::string> spares_;
  Losses losses_;
  Nanos deadline_ = 0;  // for what is to be written before the next descriptor, or the end
  bool idle_ = false;   // the thread waits for lines
  bool closing_ = false;
  bool finished_ = false;

  // The thread's own.
  LineTarget target_;
  const int event_;
  Batch current_;
  std::size_t at_ = 0;      // in current_
  std::string unfinished_;  // the rest of a line whose beginning is written: must come next
  LogKind unfinished_kind_ = LogKind::access;
  bool mid_line_ = false;
  bool failing_ = false;
};

// --- from any thread ---

bool LineSink::Writer::fits(LogKind kind, std::size_t size) const {
  const std::size_t most = settings_.most + (kind == LogKind::process ? kReserved : 0);
  return !closing_ && (held_ == 0 || held_ + size <= most);  // one that alone is too much must come through
}

// A buffer that is mostly full changes hands; of others the content is copied, or memory would not be bounded
// by what is held.
LineSink::Writer::Batch LineSink::Writer::batch_of(LogKind kind, std::string& lines) {
  Batch batch{kind, {}, lines.size(), -1};
  if (lines.size() * 2 < lines.capacity()) {
    batch.text.assign(lines);
    return batch;
  }
  batch.text.swap(lines);
  if (!spares_.empty()) {
    lines.swap(spares_.back());
    spares_.pop_back();
  }
  return batch;
}

void LineSink::Writer::put(LogKind kind, std::string& lines) {
  bool taken = false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    taken = fits(kind, lines.size());
    if (taken) {
      held_ += lines.size();
      queue_.push_back(batch_of(kind, lines));
      wake = std::exchange(idle_, false);
    }
  }
  if (!taken) lose(kind, lines_in(lines), "it is not taken as fast as it comes");
  if (wake) signal();
  lines.clear();
}

void LineSink::Writer::reopen(int fd) {
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty() && queue_.back().fd >= 0) {
      ::close(std::exchange(queue_.back().fd, fd));
    } else {
      queue_.push_back({LogKind::process, {}, 0, fd});
    }
    if (deadline_ == 0) deadline_ = steady_now() + settings_.patience;
    idle_ = false;
  }
  signal();
}

void LineSink::Writer::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(settings_.patience),
                    [&] { return held_ == 0 || finished_; });
}

bool LineSink::Writer::close() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  deadline_ = steady_now() + settings_.patience;
  signal();
  return changed_.wait_for(lock, std::chrono::nanoseconds(settings_.patience + kLinger),
                           [&] { return finished_; });
}

// Counts them, and tells where it is time to.
void LineSink::Writer::lose(LogKind kind, std::uint64_t lines, std::string_view why) {
  count_lost(kind, lines);
  std::uint64_t told = 0;
  {
    const std::lock_guard lock(mutex_);
    told = losses_.lost(lines, steady_now());
  }
  if (told == 0 || !settings_.tells_at_once) return;
  settings_.tell(LogLevel::warn, fmt::format("{}: {}; lines dropped: {}", settings_.name, why, told));
}

void LineSink::Writer::signal() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

// --- the thread ---

void LineSink::Writer::run() {
  while (next())
    write();
  if (!unfinished_.empty()) lose(unfinished_kind_, 1, "its end has come");
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

// Waits for lines and makes them current_; false at the end.
bool LineSink::Writer::next() {
  std::unique_lock lock(mutex_);
  retire(current_);
  for (;;) {
    if (queue_.empty()) {
      changed_.notify_all();
      if (closing_) return false;
      idle(lock);
      continue;
    }
    current_ = std::move(queue_.front());
    queue_.pop_front();
    at_ = 0;
    if (current_.fd < 0) break;
    const bool another = std::any_of(queue_.begin(), queue_.end(), [](const Batch& b) { return b.fd >= 0; });
    if (!closing_) deadline_ = another ? steady_now() + settings_.patience : 0;
    lock.unlock();
    switch_to(std::exchange(current_.fd, -1));
    lock.lock();
  }
  if (!unfinished_.empty()) current_.text.insert(0, std::exchange(unfinished_, {}));
  return true;
}

// Until there is something to do; `lock` is held before and after, and not meanwhile.
void LineSink::Writer::idle(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t lost = failing_ ? 0 : losses_.over(steady_now());
  const Nanos over_at = failing_ ? 0 : losses_.over_at();
  idle_ = lost == 0;
  lock.unlock();
  if (lost != 0) {
    settings_.tell(settings_.tells_at_once ? LogLevel::info : LogLevel::warn,
                   fmt::format("{}: lines are written again; dropped: {}", settings_.name, lost));
  } else {
    wait(milliseconds_until(over_at));
  }
  lock.lock();
}

void LineSink::Writer::switch_to(int fd) {
  if (!std::exchange(unfinished_, {}).empty()) lose(unfinished_kind_, 1, "it was opened anew");
  mid_line_ = failing_ = false;
  target_.reset(fd);
}

// Its buffer goes back to those who fill them.
void LineSink::Writer::retire(Batch& batch) {
  held_ -= std::exchange(batch.cost, 0);
  const std::size_t size = batch.text.capacity();
  batch.text.clear();
  if (spares_.size() < kSpares && size >= kLargestSpare / 8 && size <= kLargestSpare) {
    spares_.push_back(std::exchange(batch.text, {}));
  }
}

// All of current_, as far as it can be written.
void LineSink::Writer::write() {
  while (at_ < current_.text.size()) {
    if (!writable()) return give_up();
    const ssize_t written = target_.write(std::string_view(current_.text).substr(at_));
    if (written > 0) {
      at_ += static_cast<std::size_t>(written);
      mid_line_ = current_.text[at_ - 1] != '\n';
    } else if (written == 0 || (errno != EINTR && errno != EAGAIN)) {
      return fail(written == 0 ? EIO : errno);
    }
  }
  failing_ = false;
}

// Waits until the target takes more; false where that is not to be waited for any longer.
bool LineSink::Writer::writable() {
  if (!target_.polled()) return true;
  for (;;) {
    Nanos deadline = 0;
    {
      const std::lock_guard lock(mutex_);
      deadline = deadline_;
    }
    if (deadline != 0 && steady_now() >= deadline) return false;
    pollfd sources[] = {{target_.fd(), POLLOUT, 0}, {event_, POLLIN, 0}};
    if (::poll(sources, 2, milliseconds_until(deadline)) < 0) continue;  // EINTR
    if (sources[0].revents != 0) return true;
    if (sources[1].revents != 0) wait(0);
  }
}

// The disk is full, the reader has gone. A line that is begun must be ended before another one begins, so its
// rest is kept; the others of this batch are lost.
void LineSink::Writer::fail(int error) {
  failing_ = true;
  std::string_view rest = std::string_view(current_.text).substr(at_);
  if (mid_line_) {
    unfinished_ = rest.substr(0, rest.find('\n') + 1);
    unfinished_kind_ = current_.kind;
    rest.remove_prefix(unfinished_.size());
  }
  lose(current_.kind, lines_in(rest), std::strerror(error));
}

// Drops all that was to be written before the next descriptor, or the end.
void LineSink::Writer::give_up() {
  std::uint64_t lost[2] = {};
  const auto add = [&](LogKind kind, std::string_view text) {
    lost[static_cast<std::size_t>(kind)] += lines_in(text);
  };
  add(current_.kind, std::string_view(current_.text).substr(at_));
  {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty() && queue_.front().fd < 0) {
      add(queue_.front().kind, queue_.front().text);
      held_ -= queue_.front().cost;
      queue_.pop_front();
    }
  }
  for (const LogKind kind : {LogKind::access, LogKind::process}) {
    const std::uint64_t lines = lost[static_cast<std::size_t>(kind)];
    if (lines != 0) lose(kind, lines, "nobody takes what is left");
  }
}

void LineSink::Writer::wait(int milliseconds) const {
  pollfd source{event_, POLLIN, 0};
  if (::poll(&source, 1, milliseconds) <= 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event_, &count, sizeof count);
}

// --- what others hold ---

LineSink::LineSink(int fd, SinkSettings settings)
    : writer_(std::make_shared<Writer>(fd, std::move(settings))),
      thread_(quiet_thread("log-writer", [writer = writer_] { writer->run(); })) {}

LineSink::~LineSink() { close(); }

void LineSink::put(LogKind kind, std::string& lines) { writer_->put(kind, lines); }
void LineSink::reopen(int fd) { writer_->reopen(fd); }
void LineSink::flush() { writer_->flush(); }

void LineSink::close() {
  if (!thread_.joinable()) return;
  if (writer_->close()) {
    thread_.join();
  } else {
    thread_.detach();  // in a write that does not return; what it holds is its own
  }
}

}  // namespace sluice::observe
