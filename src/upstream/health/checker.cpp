#include "sluice/upstream/health/checker.hpp"

#include "upstream/health/expectation.hpp"
#include "upstream/health/probe.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unordered_map>

namespace sluice::upstream {
namespace {

// Between the first checks of two servers; of many, all within a second, or within their interval.
constexpr Nanos kApart = 10'000'000;
constexpr Nanos kSpread = 1'000'000'000;

}  // namespace

CheckPlan::CheckPlan(CheckRules of)
    : rules(std::move(of)), expectation(std::make_shared<Expectation>(rules.expect)) {}

// Everything but the calls from outside runs on the thread itself.
class Checker::Thread final : private ProbeOwner {
 public:
  Thread() : thread_([this] { loop_.run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "sluice-checks");
  }

  ~Thread() {
    loop_.post([this] {
      stopping_ = true;
      replace({});
      if (running_ == 0) finish();
    });
    thread_.join();
  }

  void watch(const std::vector<Watched>& all) {
    std::promise<void> done;
    loop_.post([&] {
      replace(all);
      done.set_value();
    });
    done.get_future().wait();
  }

  bool wait_for_first(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    all_known_.wait_for(lock, limit, [&] { return unknown_ == 0 || given_up_; });
    return unknown_ == 0;
  }

  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    all_known_.notify_all();
  }

 private:
  void replace(const std::vector<Watched>& all) {
    std::unordered_map<Endpoint*, std::shared_ptr<Probe>> before = std::exchange(probes_, {});
    std::vector<Probe*> fresh;
    for (const Watched& watched : all) {
      auto& probe = probes_[watched.endpoint.get()];
      if (probe != nullptr) continue;  // named before: what runs next comes first
      if (const auto known = before.find(watched.endpoint.get()); known != before.end()) {
        probe = std::move(known->second);
        before.erase(known);
      } else {
        probe = std::make_shared<Probe>(loop_, static_cast<ProbeOwner&>(*this), watched.endpoint);
        fresh.push_back(probe.get());
      }
      probe->configure(watched.plan, watched.fresh);
    }
    for (const auto& [endpoint, probe] : before)
      probe->stop();
    {
      const std::lock_guard lock(mutex_);
      unknown_ += fresh.size();
    }
    const auto count = static_cast<Nanos>(fresh.size());
    for (Nanos i = 0; i < count; ++i) {
      Probe& probe = *fresh[static_cast<std::size_t>(i)];
      const Nanos within = std::min({kSpread, probe.plan().rules.interval, kApart * count});
      probe.start(within * i / count);
    }
  }

  // What is shared ends in a turn of its own.
  void finish() {
    connections_.close();
    loop_.post([this] { loop_.stop(); });
  }

  Connections& connections() override { return connections_; }
  Registry& targets() override { return targets_; }
  void began() override { ++running_; }
  void ended() override {
    if (--running_ == 0 && stopping_) finish();
  }
  void first_done() override {
    const std::lock_guard lock(mutex_);
    if (--unknown_ == 0) all_known_.notify_all();
  }

  net::Loop loop_;
  Connections connections_{loop_};
  Registry targets_;
  std::unordered_map<Endpoint*, std::shared_ptr<Probe>> probes_;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::mutex mutex_;
  std::condition_variable all_known_;
  std::size_t unknown_ = 0;  // servers not checked yet
  bool given_up_ = false;
  std::thread thread_;
};

Checker::Checker() : thread_(std::make_unique<Thread>()) {}
Checker::~Checker() = default;

void Checker::watch(const std::vector<Watched>& all) { thread_->watch(all); }

bool Checker::wait_for_first(std::chrono::milliseconds limit) { return thread_->wait_for_first(limit); }

void Checker::give_up() { thread_->give_up(); }

}  // namespace sluice::upstream
