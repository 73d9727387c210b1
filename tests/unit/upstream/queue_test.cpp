#include "sluice/upstream/queue.hpp"

#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

struct Stage {
  // One more waits, as `tenant`; its end is noted under `name`.
  void arrive(std::string tenant, std::string name, std::uint32_t size = 100, Nanos patience = 10 * kSecond) {
    start(stand(std::move(tenant), std::move(name), size, patience));
  }
  Task<void> stand(std::string tenant, std::string name, std::uint32_t size, Nanos patience) {
    places.push_back(std::make_unique<Queue::Place>(queue, loop, tenant, kind));
    Queue::Place& place = *places.back();
    if (!place.enter(size, loop.now() + patience)) {
      ends.push_back(name + " full");
      co_return;
    }
    const Queue::End end = co_await place.wait();
    ends.push_back(name + (end == Queue::End::called      ? ""
                           : end == Queue::End::timed_out ? " late"
                                                          : " left"));
  }
  // Until so many have come to an end.
  Task<void> until(std::size_t count) {
    while (ends.size() < count)
      co_await loop.yield();
  }

  Queue queue;
  const void* kind = nullptr;  // of those who arrive
  net::Loop loop;
  std::vector<std::unique_ptr<Queue::Place>> places;
  std::vector<std::string> ends;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("tenants are called in turns, each one's requests in their order", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (const char* name : {"a1", "a2", "a3", "b1", "c1", "b2"})
      stage.arrive(std::string(1, name[0]), name);
    CHECK(stage.queue.depth() == 6);
    for (std::size_t i = 1; i <= 6; ++i) {
      stage.queue.call();
      co_await stage.until(i);
    }
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "b1", "c1", "a2", "b2", "a3"});
  CHECK_FALSE(stage.queue.anybody());
}

TEST_CASE("a queue that is full turns away at once", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive("a", "first", 1);
    stage.arrive("a", "second", 1);
    CHECK(stage.ends == Names{"second full"});
    stage.queue.call();
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"second full", "first"});
}

TEST_CASE("who waits too long is told so, and who leaves is gone", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive("a", "late", 100, 50 * kMilli);
    stage.arrive("a", "leaver");
    stage.arrive("b", "waiter");
    stage.places[1]->leave();
    co_await stage.until(2);
    // The call goes to who is still there.
    stage.queue.call();
    co_await stage.until(3);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"leaver left", "late late", "waiter"});
}

TEST_CASE("who was called in vain is the next again, and is not turned away", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive("a", "first", 2);
    stage.queue.call();
    co_await stage.until(1);
    stage.arrive("a", "second", 2);
    stage.arrive("b", "third", 2);
    const auto again = [&]() -> Task<void> {
      CHECK(stage.places[0]->enter(2, stage.loop.now() + 10 * kSecond));
      const Queue::End end = co_await stage.places[0]->wait();
      CHECK(end == Queue::End::called);
      stage.ends.emplace_back("first again");
    };
    start(again());
    for (std::size_t i = 2; i <= 4; ++i) {
      stage.queue.call();
      co_await stage.until(i);
    }
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"first", "first again", "third", "second"});
}

TEST_CASE("without a call the next one looks again by itself now and then", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive("a", "patient");
    co_await stage.until(1);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"patient"});
}

TEST_CASE("calls may come from any thread", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 100; ++i)
      stage.arrive(std::to_string(i % 7), "x", 1000);
    std::thread caller([&] {
      while (stage.queue.anybody())
        stage.queue.call();
    });
    co_await stage.until(100);
    caller.join();
  };
  run(stage.loop, script);
  CHECK(stage.ends.size() == 100);
}

TEST_CASE("who was called in vain keeps its tenant's turn", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (const char* name : {"a1", "a2", "b1"})
      stage.arrive(std::string(1, name[0]), name);
    stage.queue.call();
    co_await stage.until(1);
    const auto again = [&]() -> Task<void> {
      CHECK(stage.places[0]->enter(9, stage.loop.now() + 10 * kSecond));
      const Queue::End end = co_await stage.places[0]->wait();
      CHECK(end == Queue::End::called);
      stage.ends.emplace_back("a1 again");
    };
    start(again());
    for (std::size_t i = 2; i <= 4; ++i) {
      stage.queue.call();
      co_await stage.until(i);
    }
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "a1 again", "b1", "a2"});
}

TEST_CASE("a call in vain goes on to the next of another kind", "[upstream][queue]") {
  Stage stage;
  const int old_kind = 0;
  const int new_kind = 0;
  const auto script = [&]() -> Task<void> {
    stage.kind = &old_kind;
    stage.arrive("a", "old");
    stage.queue.call_another(&old_kind);  // there is none
    CHECK(stage.queue.depth() == 1);
    stage.kind = &new_kind;
    stage.arrive("a", "new");
    stage.queue.call_another(&old_kind);
    co_await stage.until(1);
    stage.queue.call();
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"new", "old"});
}
