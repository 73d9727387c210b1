#include "sluice/upstream/queue.hpp"

#include "unit/net/loop_fixture.hpp"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

// What the requests of one kind can have.
struct Room {
  std::atomic<int> free{0};

  bool take() {
    if (free.fetch_sub(1) > 0) return true;
    free.fetch_add(1);
    return false;
  }
};

struct Arrival {
  std::string tenant;
  std::string name;
  std::uint32_t size = 100;
  Nanos patience = 10 * kSecond;
};

struct Stage {
  // One more waits; its end is noted.
  void arrive(Arrival arrival) { start(stand(std::move(arrival), *room)); }
  void line_up(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      arrive({name.substr(0, 1), name});
  }
  // As a request does that finds every server full.
  Task<void> stand(Arrival who, Room& mine) {
    Queue::Place place(queue, loop, who.tenant, &mine);
    newest = &place;
    std::string how = " full";
    while (place.enter(who.size, loop.now() + who.patience)) {
      if (mine.free > 0) queue.look();
      const Queue::End end = co_await place.wait();
      how = end == Queue::End::timed_out ? " late" : " left";
      if (end != Queue::End::called) break;
      how = " gave up";
      ++turns;
      if (who.name == gives_up) break;
      how.clear();
      if (mine.take()) {
        place.served();
        break;
      }
    }
    ends.push_back(who.name + how);
  }
  // Places of the kind `of` are given back.
  void give_back(Room& of, int count = 1) {
    for (; count > 0; --count) {
      ++of.free;
      queue.freed();
    }
  }
  // Until so many have come to an end.
  Task<void> until(std::size_t count) {
    while (ends.size() < count)
      co_await loop.yield();
  }
  // Until so many have been called.
  Task<void> until_turn(int count) {
    while (turns < count)
      co_await loop.yield();
  }
  // Until who was called has looked; well before they look by themselves.
  Task<void> settle() {
    for (int i = 0; i < 20; ++i)
      co_await loop.yield();
  }

  Queue queue;
  net::Loop loop;
  Room usual;
  Room other;
  Room* room = &usual;  // of those who arrive
  std::string gives_up;
  Queue::Place* newest = nullptr;
  int turns = 0;
  std::vector<std::string> ends;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("tenants are called in turns, each one's requests in their order", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2", "a3", "b1", "c1", "b2"});
    CHECK(stage.queue.depth() == 6);
    for (std::size_t i = 1; i <= 6; ++i) {
      stage.give_back(stage.usual);
      co_await stage.until(i);
    }
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "b1", "c1", "a2", "b2", "a3"});
  CHECK(stage.turns == 6);
  CHECK_FALSE(stage.queue.anybody());
}

TEST_CASE("a queue that is full turns away at once", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive({"a", "first", 1});
    stage.arrive({"a", "second", 1});
    CHECK(stage.ends == Names{"second full"});
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"second full", "first"});
}

TEST_CASE("who waits too long is told so, and who leaves is gone", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive({"a", "late", 100, 50 * kMilli});
    stage.arrive({"a", "leaver"});
    stage.newest->leave();
    stage.arrive({"b", "waiter"});
    co_await stage.until(2);
    // The call goes to who is still there.
    stage.give_back(stage.usual);
    co_await stage.until(3);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"leaver left", "late late", "waiter"});
}

TEST_CASE("who is called in vain is the next again, of its tenant and of all", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2", "b1"});
    stage.queue.freed();  // and somebody else was faster
    co_await stage.until_turn(1);
    CHECK(stage.queue.depth() == 3);
    stage.arrive({"b", "b2", 3});  // too many
    for (std::size_t i = 2; i <= 4; ++i) {
      stage.give_back(stage.usual);
      co_await stage.until(i);
    }
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"b2 full", "a1", "b1", "a2"});
}

TEST_CASE("a place that is freed while somebody looks for one is not given to the next",
          "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2"});
    stage.queue.look();
    CHECK(stage.queue.depth() == 1);  // a1 is on its way
    SECTION("before it has looked") { stage.give_back(stage.usual); }
    SECTION("after it has looked") {
      co_await stage.until_turn(1);
      stage.give_back(stage.usual);
    }
    co_await stage.until(1);
    co_await stage.settle();
    CHECK(stage.ends == Names{"a1"});
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "a2"});
}

TEST_CASE("nobody is called to look while others are called for a place", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2"});
    stage.give_back(stage.usual);
    stage.queue.look();
    CHECK(stage.queue.depth() == 1);
    co_await stage.until(1);
    // But as there may be more, the next one looks then; in vain, which ends it.
    co_await stage.settle();
    CHECK(stage.turns == 2);
    CHECK(stage.queue.depth() == 1);
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "a2"});
}

TEST_CASE("who has its turn is before all who come then", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1"});
    stage.give_back(stage.usual);
    CHECK(stage.queue.depth() == 0);
    CHECK(stage.queue.anybody());
    stage.line_up({"b1"});  // sees the room, and leaves it to who was called for it
    co_await stage.until(1);
    CHECK(stage.ends == Names{"a1"});
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "b1"});
}

TEST_CASE("room for many is found by many, though one was called", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2", "a3", "a4"});
    SECTION("because it came up by itself") {
      stage.usual.free = 3;
      stage.queue.look();
    }
    SECTION("because it came up while one looked") {
      stage.queue.look();
      stage.give_back(stage.usual, 3);
    }
    SECTION("because it came up after one had looked in vain") {
      stage.queue.look();
      co_await stage.until_turn(1);
      stage.give_back(stage.usual, 3);
    }
    co_await stage.until(3);
    co_await stage.settle();
    CHECK(stage.queue.depth() == 1);
    stage.give_back(stage.usual);
    co_await stage.until(4);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "a2", "a3", "a4"});
}

TEST_CASE("who gives up its turn gives it to the next", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.gives_up = "a1";
    stage.line_up({"a1", "a2"});
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1 gave up", "a2"});
}

TEST_CASE("without a call the next one looks again by itself now and then", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.arrive({"a", "patient"});
    stage.usual.free = 1;
    co_await stage.until(1);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"patient"});
}

TEST_CASE("a call in vain goes on to the next of another kind, and ends there", "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2"});
    stage.room = &stage.other;
    stage.line_up({"a3", "a4"});
    stage.give_back(stage.other);
    co_await stage.until(1);
    co_await stage.settle();
    CHECK(stage.ends == Names{"a3"});
    CHECK(stage.turns <= 3);  // at most one more has looked
    const int before = stage.turns;
    stage.queue.freed();  // of neither kind: both look once
    co_await stage.settle();
    CHECK(stage.turns == before + 2);
    CHECK(stage.queue.depth() == 3);
    stage.give_back(stage.usual, 2);
    stage.give_back(stage.other);
    co_await stage.until(4);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a3", "a1", "a2", "a4"});
}

TEST_CASE("places may be given back on any thread, and none stays free while somebody waits",
          "[upstream][queue]") {
  Stage stage;
  const auto script = [&]() -> Task<void> {
    for (int i = 0; i < 2000; ++i) {
      stage.room = i % 3 == 0 ? &stage.other : &stage.usual;
      stage.arrive({std::to_string(i % 7), "x", 5000});
    }
    const auto give = [&](Room& room, int count) {
      for (int i = 0; i < count; ++i) {
        stage.give_back(room);
        if (i % 16 == 0) stage.queue.look();
      }
    };
    std::thread one(give, std::ref(stage.usual), 1333);
    std::thread another(give, std::ref(stage.other), 667);
    co_await stage.until(2000);
    one.join();
    another.join();
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names(2000, "x"));
  CHECK_FALSE(stage.queue.anybody());
}
