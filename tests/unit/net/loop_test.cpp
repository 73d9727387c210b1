#include "sluice/net/loop.hpp"

#include "unit/net/loop_fixture.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Task;
using sluice::net::Loop;
using sluice::net::Pollable;
using namespace sluice::test;

namespace {

// A descriptor in the loop that notes what happens to it, and does what the test wants then.
class Probe : public Pollable {
 public:
  Probe(Loop& loop, int fd, bool shared = false) : loop_(loop), fd_(fd) {
    CHECK((shared ? loop.add_listener(*this, fd) : loop.add(*this, fd)) == 0);
  }
  ~Probe() override { leave(); }
  void leave() {
    if (fd_ >= 0) loop_.remove(*this, std::exchange(fd_, -1));
  }
  std::uint32_t seen = 0;
  int calls = 0;
  std::function<void(std::uint32_t)> then = [](std::uint32_t) {};

 private:
  void on_events(std::uint32_t events) override {
    seen |= events;
    ++calls;
    const auto action = then;  // `then` may destroy this
    action(events);
  }
  Loop& loop_;
  int fd_;
};

}  // namespace

TEST_CASE("what is posted runs in order, on the loop's thread", "[net][loop]") {
  Loop loop;
  std::vector<int> order;
  std::thread::id ran_on;
  std::thread poster([&] {
    for (int i = 0; i < 100; ++i) {
      loop.post([&, i] {
        order.push_back(i);
        ran_on = std::this_thread::get_id();
      });
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  CHECK(order.size() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("what is posted wakes a loop that sleeps", "[net][loop]") {
  Loop loop;
  std::atomic<int> rounds = 0;
  std::thread sleeper([&] { loop.run(); });
  for (int i = 1; i <= 50; ++i) {
    loop.post([&] { ++rounds; });
    while (rounds.load() < i)
      std::this_thread::yield();
  }
  loop.post([&] { loop.stop(); });
  sleeper.join();
  CHECK(rounds == 50);
}

TEST_CASE("posted work may post", "[net][loop]") {
  Loop loop;
  int depth = 0;
  std::function<void()> again = [&] {
    if (++depth == 1000) return loop.stop();
    loop.post(again);
  };
  loop.post(again);
  loop.run();
  CHECK(depth == 1000);
}

TEST_CASE("what is posted after the loop ended is destroyed unrun", "[net][loop]") {
  const auto token = std::make_shared<int>(1);
  bool ran = false;
  {
    Loop loop;
    loop.post([&] { loop.stop(); });
    loop.run();
    loop.post([token, &ran] { ran = true; });
    CHECK(token.use_count() == 2);
  }
  CHECK_FALSE(ran);
  CHECK(token.use_count() == 1);
}

TEST_CASE("a coroutine that yields lets others and events go first", "[net][loop]") {
  Loop loop;
  SocketPair pair;
  Probe probe(loop, pair.first());
  std::string order;
  probe.then = [&](std::uint32_t) { order += 'e'; };
  int running = 2;
  const auto worker = [&](char name) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      order += name;
      co_await loop.yield();
    }
    if (--running == 0) loop.stop();
  };
  start(worker('a'));
  start(worker('b'));
  CHECK(order == "ab");
  loop.run();
  // The event (a fresh socket is writable) was there before anybody's second turn.
  CHECK(order == "abeabab");
}

TEST_CASE("yielding forever does not starve the mailbox", "[net][loop]") {
  Loop loop;
  bool stop = false;
  long turns = 0;
  const auto spinner = [&]() -> Task<void> {
    for (; !stop; ++turns)
      co_await loop.yield();
    loop.stop();
  };
  start(spinner());
  std::thread poster([&] { loop.post([&] { stop = true; }); });
  loop.run();
  poster.join();
  CHECK(stop);
}

TEST_CASE("a socket's events arrive: bytes, the peer's end, its death", "[net][loop]") {
  Loop loop;
  SocketPair pair;
  Probe probe(loop, pair.first());
  std::vector<std::uint32_t> batches;
  int stage = 0;
  probe.then = [&](std::uint32_t events) {
    batches.push_back(events);
    if (++stage == 1) put(pair.second(), "x");
    if (stage == 2) ::shutdown(pair.second(), SHUT_WR);
    if (stage == 3) pair.close_second();
    if (stage == 4) loop.stop();
  };
  loop.run();
  REQUIRE(batches.size() == 4);
  CHECK((batches[0] & (EPOLLIN | EPOLLOUT)) == EPOLLOUT);
  CHECK((batches[1] & EPOLLIN) != 0);
  CHECK((batches[1] & EPOLLRDHUP) == 0);
  CHECK((batches[2] & EPOLLRDHUP) != 0);
  CHECK((batches[3] & EPOLLHUP) != 0);
}

TEST_CASE("an edge is reported once", "[net][loop]") {
  Loop loop;
  SocketPair pair;
  put(pair.second(), "unread");
  Probe probe(loop, pair.first());
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 10; ++i)
      co_await loop.yield();
    CHECK(probe.calls == 1);
    put(pair.second(), "more");
    for (int i = 0; i < 10; ++i)
      co_await loop.yield();
    CHECK(probe.calls == 2);
  };
  run(loop, script);
}

TEST_CASE("a shared listener is reported until it is read", "[net][loop]") {
  Loop loop;
  SocketPair pair;
  put(pair.second(), "unread");
  Probe probe(loop, pair.first(), true);
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 10; ++i)
      co_await loop.yield();
    CHECK(probe.calls >= 9);
    drain(pair.first());
    const int before = probe.calls;
    for (int i = 0; i < 10; ++i)
      co_await loop.yield();
    CHECK(probe.calls <= before + 1);
  };
  run(loop, script);
}

TEST_CASE("events of one batch do not reach what was removed in the same batch", "[net][loop]") {
  Loop loop;
  // All are ready before the loop runs, so that one epoll_wait() reports them together. Whoever comes first
  // destroys all others.
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<std::unique_ptr<Probe>> probes;
  int calls = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    probes.push_back(std::make_unique<Probe>(loop, pairs.back()->first()));
    probes.back()->then = [&, i](std::uint32_t) {
      ++calls;
      for (std::size_t other = 0; other < probes.size(); ++other) {
        if (other != i) probes[other].reset();
      }
    };
  }
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(calls == 1);
}

TEST_CASE("an item may remove and destroy itself while it is told of events", "[net][loop]") {
  Loop loop;
  SocketPair first;
  SocketPair second;
  auto probe = std::make_unique<Probe>(loop, first.first());
  Probe other(loop, second.first());
  probe->then = [&](std::uint32_t) { probe.reset(); };
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 5; ++i)
      co_await loop.yield();
  };
  run(loop, script);
  CHECK(probe == nullptr);
  CHECK(other.calls == 1);
}

TEST_CASE("more events than one batch holds are all reported", "[net][loop]") {
  Loop loop;
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 400; ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    probes.push_back(std::make_unique<Probe>(loop, pairs.back()->first()));
  }
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 10; ++i)
      co_await loop.yield();
  };
  run(loop, script);
  for (const auto& probe : probes)
    CHECK(probe->calls == 1);
}

TEST_CASE("a descriptor that cannot be registered says why", "[net][loop]") {
  Loop loop;
  SocketPair pair;
  Probe probe(loop, pair.first());
  CHECK(loop.add(probe, pair.first()) == EEXIST);
  CHECK(loop.add(probe, -1) == EBADF);
}

TEST_CASE("the loop wakes for its deadlines", "[net][loop]") {
  Loop loop;
  struct Ends {
    Loop& loop;
    sluice::net::Deadline deadline{[](void* self) { static_cast<Ends*>(self)->loop.stop(); }, this};
  } ends{loop};
  const sluice::Nanos due = loop.now() + 50 * kMilli;
  ends.deadline.arm(loop, due);
  loop.run();
  CHECK(loop.now() >= due);
}
