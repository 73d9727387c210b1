#include "control/names.hpp"

#include "sluice/observe/log.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <thread>
#include <utility>

namespace sluice::control {

// The table is shared with who asks, under the mutex; everything else belongs to the thread.
class Names::Thread {
 public:
  explicit Thread(std::function<void()> changed)
      : changed_(std::move(changed)), due_(&Thread::on_due, this), thread_([this] { loop_.run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "sluice-names");
  }

  ~Thread() {
    loop_.post([this] {
      resolver_.reset();
      due_.disarm();
      loop_.stop();
    });
    thread_.join();
  }

  void watch(const NameSettings& settings, const std::set<std::string>& names) {
    {
      const std::lock_guard lock(mutex_);
      table_.set_bounds(settings.ttl);
      table_.watch(names, steady_now());
      settled_.notify_all();
    }
    loop_.post([this, resolver = settings.resolver] { configure(resolver); });
  }

  void wait_for_first(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    settled_.wait_for(lock, limit, [this] { return given_up_ || table_.unsettled() == 0; });
  }

  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    settled_.notify_all();
  }

  std::vector<SocketAddress> addresses(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return table_.addresses(name);
  }

 private:
  void configure(const net::ResolverSettings& settings) {
    if (!settings_ || *settings_ != settings) {
      resolver_.reset();
      {
        const std::lock_guard lock(mutex_);
        table_.forget_asked(loop_.now());
      }
      resolver_.emplace(loop_, settings);
      settings_ = settings;
    }
    ask();
  }

  // Looks up what is due, and wakes up for the next.
  void ask() {
    Nanos next = 0;
    while (true) {
      std::string name;
      {
        const std::lock_guard lock(mutex_);
        name = table_.take_due(steady_now());
        next = table_.next_due();
      }
      if (name.empty()) break;
      resolver_->look_up(name, [this, name](net::NameAnswer answer) { answered(name, std::move(answer)); });
    }
    if (next != 0) due_.arm(loop_, std::max(next, loop_.now()));
  }

  void answered(const std::string& name, net::NameAnswer answer) {
    NameReport report;
    {
      const std::lock_guard lock(mutex_);
      report = table_.answered(name, std::move(answer), steady_now());
      if (table_.unsettled() == 0) settled_.notify_all();
    }
    if (!report.warning.empty()) observe::log_warn("{}", report.warning);
    if (!report.note.empty()) observe::log_info("{}", report.note);
    if (report.changed) changed_();
    // There is room for another, in a turn of its own: not from within the resolver.
    if (std::exchange(asking_soon_, true)) return;
    loop_.post([this] {
      asking_soon_ = false;
      ask();
    });
  }

  static void on_due(void* self) { static_cast<Thread*>(self)->ask(); }

  net::Loop loop_;
  const std::function<void()> changed_;
  std::optional<net::Resolver> resolver_;
  std::optional<net::ResolverSettings> settings_;
  net::Deadline due_;
  bool asking_soon_ = false;
  mutable std::mutex mutex_;
  std::condition_variable settled_;
  NameTable table_;
  bool given_up_ = false;
  std::thread thread_;
};

Names::Names(std::function<void()> changed) : thread_(std::make_unique<Thread>(std::move(changed))) {}
Names::~Names() = default;

void Names::watch(const NameSettings& settings, const std::set<std::string>& names) {
  thread_->watch(settings, names);
}
void Names::wait_for_first(std::chrono::milliseconds limit) { thread_->wait_for_first(limit); }
void Names::give_up() { thread_->give_up(); }
std::vector<SocketAddress> Names::addresses(const std::string& name) const {
  return thread_->addresses(name);
}

}  // namespace sluice::control
