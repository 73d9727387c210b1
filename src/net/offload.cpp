#include "sluice/net/offload.hpp"

#include "sluice/base/thread.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sluice::net {
namespace {

constexpr int kNice = 10;
constexpr std::chrono::seconds kPatience{1};  // for work that is under way when the pool is stopped

}  // namespace

class Offload::State : public std::enable_shared_from_this<State> {
 public:
  State(unsigned threads, std::size_t most_queued) : most_threads_(threads), most_queued_(most_queued) {}

  bool push(Job& job);
  void stop();
  std::size_t depth() const {
    const std::lock_guard lock(mutex_);
    return queued_;
  }
  std::uint64_t rejected() const {
    const std::lock_guard lock(mutex_);
    return rejected_;
  }

 private:
  bool start_thread();
  void serve();
  Job* pop();
  static void run(Job& job) noexcept;

  const unsigned most_threads_;
  const std::size_t most_queued_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable gone_;
  Job* head_ = nullptr;
  Job** tail_ = &head_;
  std::size_t queued_ = 0;
  std::size_t idle_ = 0;
  std::size_t serving_ = 0;  // threads that have not ended
  std::uint64_t rejected_ = 0;
  bool stopped_ = false;
  bool abandoned_ = false;  // nobody waits for the threads any more; their loops may be gone
  std::vector<std::thread> threads_;
};

bool Offload::State::push(Job& job) {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    job.error_ = {ErrorKind::cancelled, Side::internal};
    return false;
  }
  const bool room = queued_ < most_queued_;
  const bool need = idle_ <= queued_ && threads_.size() < most_threads_;
  if (!room || (need && !start_thread() && threads_.empty())) {
    ++rejected_;
    job.error_ = {ErrorKind::no_room, Side::internal};
    return false;
  }
  *tail_ = &job;
  tail_ = &job.next_;
  ++queued_;
  work_.notify_one();
  return true;
}

bool Offload::State::start_thread() {
  try {
    threads_.push_back(quiet_thread("offload-" + std::to_string(threads_.size()),
                                    [self = shared_from_this()] { self->serve(); }));
  } catch (const std::system_error&) {
    return false;  // there are too many in the system; those that we have do it
  }
  ++serving_;
  return true;
}

Offload::Job* Offload::State::pop() {
  Job* const job = head_;
  head_ = job->next_;
  if (head_ == nullptr) tail_ = &head_;
  --queued_;
  return job;
}

void Offload::State::run(Job& job) noexcept {
  try {
    job.work();
  } catch (...) {
    job.error_ = {ErrorKind::failed, Side::internal};
  }
}

void Offload::State::serve() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_.wait(lock, [&] { return head_ != nullptr || stopped_; });
    --idle_;
    if (stopped_) break;
    Job& job = *pop();
    lock.unlock();
    run(job);
    lock.lock();
    // Under the lock, so that nothing is posted once stop() has returned. The job is not ours from here on.
    if (abandoned_) break;
    resume(job);
  }
  --serving_;
  gone_.notify_all();
}

void Offload::State::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  while (head_ != nullptr) {
    Job& job = *pop();
    job.error_ = {ErrorKind::cancelled, Side::internal};
    resume(job);
  }
  work_.notify_all();
  const bool ended = gone_.wait_for(lock, kPatience, [&] { return serving_ == 0; });
  abandoned_ = true;
  std::vector<std::thread> threads = std::exchange(threads_, {});
  lock.unlock();
  for (std::thread& thread : threads)
    ended ? thread.join() : thread.detach();
}

Offload::Offload(unsigned threads, std::size_t most_queued)
    : state_(std::make_shared<State>(threads, most_queued)) {}

Offload::~Offload() { stop(); }

bool Offload::submit(Job& job, std::coroutine_handle<> handle) {
  job.waiter_.handle = handle;
  job.waiting_ = state_->push(job);  // resumed by this thread, and so not before we are back in its loop
  return job.waiting_;
}

// Has the job's coroutine go on, on its loop's thread.
void Offload::resume(Job& job) {
  job.loop_.post([&job] {
    job.waiting_ = false;
    job.loop_.wake(job.waiter_);
  });
}

void Offload::stop() { state_->stop(); }
std::size_t Offload::depth() const { return state_->depth(); }
std::uint64_t Offload::rejected() const { return state_->rejected(); }

}  // namespace sluice::net
