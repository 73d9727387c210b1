#include "sluice/net/offload.hpp"

#include "unit/net/loop_fixture.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::test;
using sluice::net::Loop;
using sluice::net::Offload;
using sluice::net::Offloaded;

namespace {

constexpr auto kOne = [] { return 1; };

std::string name_of_thread() {
  char name[16]{};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

int threads_of_offload() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    count += name.starts_with("offload-") ? 1 : 0;
  }
  return count;
}

// A thread of the pool that is kept busy until the test lets it go.
class Blocker {
 public:
  Blocker() : released_(release_.get_future()) {}
  void operator()() {
    began_.set_value();
    released_.wait();
  }
  void wait_begun() { began_.get_future().wait(); }
  void release() { release_.set_value(); }

 private:
  std::promise<void> began_;
  std::promise<void> release_;
  std::shared_future<void> released_;
};

// Frames that will never be resumed, to the end of the process, so that they are not taken for leaked.
std::vector<void*>& never_resumed = *new std::vector<void*>;

struct Noted {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    never_resumed.push_back(handle.address());
    return false;
  }
  void await_resume() const noexcept {}
};

// A loop on a thread of its own.
class Elsewhere {
 public:
  Elsewhere() : thread_([this] { loop.run(); }) {}
  ~Elsewhere() { end(); }
  void end() {
    if (!thread_.joinable()) return;
    loop.post([this] { loop.stop(); });
    thread_.join();
  }
  Loop loop;

 private:
  std::thread thread_;
};

}  // namespace

TEST_CASE("work is done elsewhere, and its result comes back", "[net][offload]") {
  Loop loop;
  Offload pool(2, 10);
  run(loop, [&]() -> Task<void> {
    const auto home = std::this_thread::get_id();
    std::string where;
    int nice = 0;
    const std::string given = "a string that is too long to lie in the object itself";
    const auto work = [&, copy = given] {
      where = name_of_thread();
      nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
      return copy + '!';
    };
    const auto done = co_await pool.run(loop, work);
    CHECK(std::this_thread::get_id() == home);
    CHECK(done.value == given + '!');
    CHECK_FALSE(done.error);
    CHECK(where == "offload-0");
    CHECK(nice == std::min(19, ::getpriority(PRIO_PROCESS, 0) + 10));
  });
  CHECK(pool.depth() == 0);
  CHECK(pool.rejected() == 0);
}

TEST_CASE("work may return nothing, or what can only be moved", "[net][offload]") {
  Loop loop;
  Offload pool(1, 10);
  run(loop, [&]() -> Task<void> {
    int times = 0;
    const auto add = [&] { ++times; };
    const auto nothing = co_await pool.run(loop, add);
    CHECK(nothing.value.has_value());
    CHECK(times == 1);
    auto owner = std::make_unique<int>(7);
    auto give = [owner = std::move(owner)]() mutable { return std::move(owner); };
    const auto moved = co_await pool.run(loop, give);
    CHECK((moved.value && **moved.value == 7));
  });
}

TEST_CASE("what work throws is an error", "[net][offload]") {
  Loop loop;
  Offload pool(1, 10);
  run(loop, [&]() -> Task<void> {
    const auto throws = []() -> int { throw std::runtime_error("no"); };
    const auto throws_a_number = [] { throw 42; };
    const auto standard = co_await pool.run(loop, throws);
    CHECK_FALSE(standard.value);
    CHECK(standard.error.kind == ErrorKind::failed);
    const auto other = co_await pool.run(loop, throws_a_number);
    CHECK(other.error.kind == ErrorKind::failed);
    const auto after = co_await pool.run(loop, kOne);
    CHECK(after.value == 1);
  });
}

TEST_CASE("without work there is no thread, and no more than there is work for", "[net][offload]") {
  REQUIRE(threads_of_offload() == 0);
  Loop loop;
  Offload pool(8, 10);
  CHECK(threads_of_offload() == 0);
  run(loop, [&]() -> Task<void> {
    for (int i = 0; i < 20; ++i)
      co_await pool.run(loop, kOne);
    // A thread that has posted its result may not be back yet when the next work comes.
    CHECK(threads_of_offload() >= 1);
    CHECK(threads_of_offload() <= 8);
  });
  pool.stop();
  CHECK(threads_of_offload() == 0);
}

TEST_CASE("what finds the queue full is refused at once", "[net][offload]") {
  Loop loop;
  Offload pool(1, 2);
  Blocker blocker;
  int done = 0;
  const auto one = [&]() -> Task<void> {
    const auto result = co_await pool.run(loop, kOne);
    done += result.value.value_or(0);
  };
  run(loop, [&]() -> Task<void> {
    const auto blocked = [&]() -> Task<void> { co_await pool.run(loop, blocker); };
    start(blocked());
    blocker.wait_begun();
    start(one());
    start(one());
    CHECK(pool.depth() == 2);
    bool ran = false;
    const auto work = [&] { ran = true; };
    const auto refused = co_await pool.run(loop, work);
    CHECK(refused.error.kind == ErrorKind::no_room);
    CHECK_FALSE(refused.value);
    CHECK(pool.rejected() == 1);
    CHECK(done == 0);
    blocker.release();
    while (done < 2)
      co_await loop.yield();
    CHECK_FALSE(ran);
    CHECK(pool.depth() == 0);
    const auto again = co_await pool.run(loop, kOne);
    CHECK(again.value == 1);
  });
}

TEST_CASE("work of many loops comes back to each", "[net][offload]") {
  constexpr int kLoops = 4;
  constexpr int kEach = 500;
  Offload pool(3, kLoops * kEach);
  std::array<Loop, kLoops> loops;
  std::array<int, kLoops> right{};
  std::vector<std::thread> threads;
  for (std::size_t l = 0; l < kLoops; ++l) {
    threads.emplace_back([&, l] {
      Loop& loop = loops[l];
      const auto home = std::this_thread::get_id();
      int left = kEach;
      const auto one = [&](int i) -> Task<void> {
        const auto work = [i, l] { return i * 10 + static_cast<int>(l); };
        const auto done = co_await pool.run(loop, work);
        if (std::this_thread::get_id() == home && done.value == i * 10 + static_cast<int>(l)) ++right[l];
        if (--left == 0) loop.stop();
      };
      for (int i = 0; i < kEach; ++i)
        start(one(i));
      loop.run();
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  for (const int count : right)
    CHECK(count == kEach);
}

TEST_CASE("at the stop what waits is cancelled, and what runs ends", "[net][offload]") {
  Elsewhere there;
  Offload pool(1, 10);
  Blocker blocker;
  bool begun = false;
  const auto begin = [&] { begun = true; };
  std::promise<Error> first;
  std::promise<Error> second;
  const auto running = [&]() -> Task<void> {
    const auto done = co_await pool.run(there.loop, blocker);
    first.set_value(done.error);
  };
  const auto waiting = [&]() -> Task<void> {
    const auto done = co_await pool.run(there.loop, begin);
    second.set_value(done.error);
  };
  there.loop.post([&] { start(running()); });
  blocker.wait_begun();
  std::promise<void> queued;
  there.loop.post([&] {
    start(waiting());
    queued.set_value();
  });
  queued.get_future().wait();
  std::thread stopper([&] { pool.stop(); });
  CHECK(second.get_future().get().kind == ErrorKind::cancelled);
  CHECK(pool.depth() == 0);
  blocker.release();
  CHECK_FALSE(first.get_future().get());
  stopper.join();
  CHECK_FALSE(begun);

  std::promise<Error> late;
  const auto after = [&]() -> Task<void> {
    const auto done = co_await pool.run(there.loop, begin);
    late.set_value(done.error);
  };
  there.loop.post([&] { start(after()); });
  CHECK(late.get_future().get().kind == ErrorKind::cancelled);
  CHECK_FALSE(begun);
  pool.stop();
  there.end();
}

TEST_CASE("work that does not end is left alone, and its loop too", "[net][offload]") {
  const auto blocker = std::make_shared<Blocker>();
  std::promise<void> over;
  bool resumed = false;
  {
    Elsewhere there;
    Offload pool(1, 10);
    const auto stuck = [&]() -> Task<void> {
      co_await Noted{};
      const auto work = [blocker, &over] {
        (*blocker)();
        over.set_value();
      };
      co_await pool.run(there.loop, work);
      resumed = true;
    };
    there.loop.post([&] { start(stuck()); });
    blocker->wait_begun();
    pool.stop();
  }
  blocker->release();
  over.get_future().wait();
  CHECK_FALSE(resumed);
}

TEST_CASE("who waits on a loop that has ended is not resumed", "[net][offload]") {
  Elsewhere there;
  Offload pool(1, 10);
  Blocker blocker;
  bool resumed = false;
  const auto waiting = [&](auto& work) -> Task<void> {
    co_await Noted{};
    co_await pool.run(there.loop, work);
    resumed = true;
  };
  std::promise<void> queued;
  there.loop.post([&] {
    start(waiting(blocker));
    start(waiting(kOne));
    queued.set_value();
  });
  queued.get_future().wait();
  there.end();
  blocker.wait_begun();
  blocker.release();
  pool.stop();
  CHECK_FALSE(resumed);
}
