#include "sluice/base/task.hpp"

#include <coroutine>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Detached;
using sluice::Task;

namespace {

// Suspends whoever awaits pass() until open() is called: the least that can be called asynchronous.
struct Gate {
  std::coroutine_handle<> waiting;
  struct Awaiter {
    Gate& gate;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const noexcept { gate.waiting = handle; }
    void await_resume() const noexcept {}
  };
  Awaiter pass() { return {*this}; }
  void open() { std::exchange(waiting, nullptr).resume(); }
};

// Starts what nobody awaits.
Detached start(Task<void> task) { co_await std::move(task); }

Task<int> value_now(int value) { co_return value; }

Task<int> value_after(Gate& gate, int value) {
  co_await gate.pass();
  co_return value;
}

// Tells when the frame that holds it is destroyed.
struct Flag {
  bool& down;
  explicit Flag(bool& flag) : down(flag) {}
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { down = true; }
};

Task<void> holding(Gate& gate, bool& destroyed) {
  const Flag flag(destroyed);
  co_await gate.pass();
}

std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

Task<void> note_stack(std::uintptr_t& lowest) {
  lowest = std::min(lowest, here());
  co_return;
}

}  // namespace

TEST_CASE("a task runs when it is awaited, not before", "[base][task]") {
  bool ran = false;
  const auto work = [&]() -> Task<void> {
    ran = true;
    co_return;
  };
  {
    const Task<void> never = work();
    CHECK_FALSE(ran);
  }
  CHECK_FALSE(ran);
  start(work());
  CHECK(ran);
}

TEST_CASE("a task that does not suspend hands its value on at once", "[base][task]") {
  int sum = 0;
  const auto work = [&]() -> Task<void> {
    sum += co_await value_now(40);
    sum += co_await value_now(2);
  };
  start(work());
  CHECK(sum == 42);
}

TEST_CASE("a task that is done needs no coroutine", "[base][task]") {
  Gate gate;
  std::vector<int> seen;
  const auto child = [&](bool wait) { return wait ? value_after(gate, 2) : Task<int>::done(1); };
  const auto work = [&]() -> Task<void> {
    seen.push_back(co_await child(false));
    seen.push_back(co_await child(true));
    Task<int> made_before = child(false);
    Task<int> moved = std::move(made_before);
    seen.push_back(co_await std::move(moved));
  };
  start(work());
  CHECK(seen == std::vector{1});
  gate.open();
  CHECK(seen == std::vector{1, 2, 1});
  const auto move_only = [] { return Task<std::unique_ptr<int>>::done(std::make_unique<int>(5)); };
  std::unique_ptr<int> got;
  const auto take = [&]() -> Task<void> { got = co_await move_only(); };
  start(take());
  REQUIRE(got != nullptr);
  CHECK(*got == 5);
}

TEST_CASE("a task that suspends resumes its parent when it ends", "[base][task]") {
  Gate gate;
  std::vector<std::string> log;
  const auto child = [&]() -> Task<int> {
    log.emplace_back("child starts");
    const int value = co_await value_after(gate, 7);
    log.emplace_back("child ends");
    co_return value;
  };
  const auto parent = [&]() -> Task<void> {
    const int value = co_await child();
    log.push_back("parent has " + std::to_string(value));
  };
  start(parent());
  log.emplace_back("start returned");
  gate.open();
  CHECK(log == std::vector<std::string>{"child starts", "start returned", "child ends", "parent has 7"});
}

TEST_CASE("a child may suspend in one round and not in the next", "[base][task]") {
  Gate gate;
  int rounds = 0;
  const auto child = [&](bool wait) -> Task<int> {
    if (wait) co_await gate.pass();
    co_return 1;
  };
  const auto parent = [&]() -> Task<void> {
    for (int i = 0; i < 6; ++i)
      rounds += co_await child(i % 2 == 1);
  };
  start(parent());
  CHECK(rounds == 1);
  gate.open();
  CHECK(rounds == 3);
  gate.open();
  CHECK(rounds == 5);
  gate.open();
  CHECK(rounds == 6);
}

TEST_CASE("values that can only be moved pass through a task", "[base][task]") {
  std::unique_ptr<int> got;
  const auto make = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(5); };
  const auto work = [&]() -> Task<void> { got = co_await make(); };
  start(work());
  REQUIRE(got != nullptr);
  CHECK(*got == 5);
}

TEST_CASE("a million awaits that do not suspend leave the stack where it was", "[base][task]") {
  const std::uintptr_t top = here();
  std::uintptr_t lowest = top;
  const auto work = [&]() -> Task<void> {
    for (int i = 0; i < 1'000'000; ++i)
      co_await note_stack(lowest);
  };
  start(work());
  CHECK(lowest != top);
  CHECK(top - lowest < 16 * 1024);
}

TEST_CASE("a long loop that suspends now and then leaves the stack where it was", "[base][task]") {
  Gate gate;
  const std::uintptr_t top = here();
  std::uintptr_t lowest = top;
  bool done = false;
  const auto child = [&](bool wait) -> Task<void> {
    if (wait) co_await gate.pass();
    co_await note_stack(lowest);
  };
  const auto work = [&]() -> Task<void> {
    for (int i = 0; i < 100'000; ++i)
      co_await child(i % 10 == 0);
    done = true;
  };
  start(work());
  while (gate.waiting)
    gate.open();
  CHECK(done);
  CHECK(top - lowest < 16 * 1024);
}

TEST_CASE("the awaiting frame owns the child's", "[base][task]") {
  Gate gate;
  bool destroyed = false;
  bool seen_destroyed = true;
  const auto work = [&]() -> Task<void> {
    co_await holding(gate, destroyed);
    seen_destroyed = destroyed;
  };
  start(work());
  CHECK_FALSE(destroyed);
  gate.open();
  CHECK(destroyed);
  CHECK(seen_destroyed);
}

TEST_CASE("a task that was moved is started once, by its new owner", "[base][task]") {
  int ran = 0;
  const auto count = [&]() -> Task<void> {
    ++ran;
    co_return;
  };
  Task<void> first = count();
  Task<void> second = std::move(first);
  start(std::move(second));
  CHECK(ran == 1);
}

TEST_CASE("frames of every size can be had and given back", "[base][task]") {
  for (const std::size_t bytes : {1U, 63U, 64U, 65U, 1000U, 2047U, 2048U, 2049U, 100'000U}) {
    CAPTURE(bytes);
    for (int round = 0; round < 3; ++round) {
      auto* first = static_cast<unsigned char*>(sluice::allocate_frame(bytes));
      auto* second = static_cast<unsigned char*>(sluice::allocate_frame(bytes));
      REQUIRE(first != second);
      // All of it is ours to write: the sanitizer says so if not.
      std::fill_n(first, bytes, static_cast<unsigned char>(1));
      std::fill_n(second, bytes, static_cast<unsigned char>(2));
      CHECK(first[bytes - 1] == 1);
      sluice::free_frame(first, bytes);
      sluice::free_frame(second, bytes);
    }
  }
}
