// A few threads for what would hold up a worker: reading from a disk, hashing a password, slow compression.
//
//   const auto work = [&] { return hash_of(password); };
//   const auto made = co_await offload.run(loop, work);
//   if (!made.value) …  // made.error tells why
//
// The work runs on one of the pool's threads, at lower priority than the workers; the coroutine waits
// meanwhile and goes on where it was, on its loop's thread. What the work refers to need live no longer than
// the coroutine, which is not resumed before the work is over.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/net/loop.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace sluice::net {

// What became of it. Without a value, `error` is one of
//   no_room    as much waits as may; the work was not begun
//   cancelled  the pool was stopped; the work was not begun
//   failed     the work threw
template <class T>
struct Offloaded {
  std::optional<T> value;
  Error error;
};

class Offload {
 public:
  // What is asked of a thread; lies in the frame of the coroutine that waits.
  class Job {
   public:
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

   protected:
    explicit Job(Loop& loop) : loop_(loop) {}
    // Whoever is still to be resumed may not be taken apart: a thread would write into what is no more.
    virtual ~Job() {
      if (waiting_) std::abort();
    }
    Error error_;

   private:
    friend class Offload;
    virtual void work() = 0;

    Loop& loop_;
    Waiter waiter_;
    Job* next_ = nullptr;
    bool waiting_ = false;  // touched by the loop's thread only
  };

  // As many threads as that at most, each started when there is work and none is free: a process that has no
  // use for them has none. `most_queued` bounds what waits for a thread.
  Offload(unsigned threads, std::size_t most_queued);
  // Every loop that anything was run for must still exist, here and in stop().
  ~Offload();
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  // co_await it on the thread of `loop`. `work` takes nothing; its result, if any, is moved to the awaiting
  // coroutine. Once begun it cannot be taken back. It must have a name: of a closure that is made within the
  // awaited expression GCC 12 destroys twice what it owns.
  template <class Work>
  auto run(Loop& loop, Work& work) {
    return Run<Work>(*this, loop, work);
  }

  // What waits is dropped, and who waits for it goes on with `cancelled` where its loop still runs. Work that
  // is under way has a second to end; who waits for longer work, or on a loop that has ended, is never
  // resumed. From now on everything is `cancelled`, and no loop is touched any more.
  void stop();

  // How much waits for a thread at this moment, and how much was refused so far. Any thread.
  std::size_t depth() const;
  std::uint64_t rejected() const;

 private:
  template <class Work>
  class [[nodiscard]] Run final : public Job {
    using Result = std::invoke_result_t<Work&>;
    using Value = std::conditional_t<std::is_void_v<Result>, std::monostate, Result>;

   public:
    Run(Offload& pool, Loop& loop, Work& work) : Job(loop), pool_(pool), work_(work) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) { return pool_.submit(*this, handle); }
    Offloaded<Value> await_resume() { return {std::move(value_), error_}; }

   private:
    void work() override {
      if constexpr (std::is_void_v<Result>) {
        work_();
        value_.emplace();
      } else {
        value_.emplace(work_());
      }
    }

    Offload& pool_;
    Work& work_;
    std::optional<Value> value_;
  };

  class State;

  // Whether the job will be resumed; else its error tells why not.
  bool submit(Job& job, std::coroutine_handle<> handle);
  static void resume(Job& job);

  std::shared_ptr<State> state_;  // also the threads', one of which may outlast stop()
};

}  // namespace sluice::net
