#include "sluice/upstream/queue.hpp"

#include "unit/net/loop_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

namespace {

constexpr Nanos kNever = 3600 * kSecond;

// What the requests of one kind can have.
struct Room {
  std::atomic<int> free{0};

  bool take() {
    if (free.fetch_sub(1) > 0) return true;
    free.fetch_add(1);
    return false;
  }
  static std::uint64_t seen(const void* self) {
    return static_cast<std::uint64_t>(std::max(static_cast<const Room*>(self)->free.load(), 0));
  }
};

struct Arrival {
  std::string tenant;
  std::string name;
  std::uint32_t size = 100;
  Nanos patience = 10 * kSecond;
};

// One worker.
struct Stage {
  explicit Stage(Queue& of) : queue(of) {}

  // One more waits; its end is noted.
  void arrive(Arrival arrival) { start(stand(std::move(arrival), *room)); }
  void line_up(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      arrive({name.substr(0, 1), name});
  }
  // No coroutine: in one, GCC 12 would copy the bytes of what it passes on.
  Task<void> stand_as(int tenant, Room& mine) { return stand({std::to_string(tenant), "x", 10'000}, mine); }
  // As a request does that finds every server full.
  Task<void> stand(Arrival who, Room& mine) {
    Queue::Place place(queue, loop, who.tenant, &mine, {&Room::seen, &mine});
    newest = &place;
    std::string how = " full";
    while (place.enter(who.size, loop.now() + who.patience)) {
      const Queue::End end = co_await place.wait();
      how = end == Queue::End::timed_out ? " late" : " left";
      if (end != Queue::End::called) break;
      how = " gave up";
      ++turns;
      if (who.name == gives_up) break;
      how.clear();
      while (who.name == dawdles)
        co_await loop.yield();
      if (mine.take()) {
        while (who.name == lingers)
          co_await loop.yield();
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

  Queue& queue;
  net::Loop loop;
  Room usual;
  Room other;
  Room* room = &usual;  // of those who arrive
  std::string gives_up;
  std::string dawdles;  // before it looks for room
  std::string lingers;  // after it has found some
  Queue::Place* newest = nullptr;
  int turns = 0;
  int done = 0;
  std::vector<std::string> ends;
};

using Names = std::vector<std::string>;

// With a queue in which nobody looks without a reason.
struct Alone : Stage {
  Alone() : Stage(own) {}
  Queue own{kNever};
};

}  // namespace

TEST_CASE("tenants are called in turns, each one's requests in their order", "[upstream][queue]") {
  Alone stage;
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
  Alone stage;
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
  Alone stage;
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
  Alone stage;
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
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2"});
    stage.queue.look(1);
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
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2"});
    stage.give_back(stage.usual);
    stage.queue.look(1);
    CHECK(stage.queue.depth() == 1);
    co_await stage.until(1);
    // The room that was seen may have been another: so the next one looks then; in vain, which ends it.
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
  Alone stage;
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
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1", "a2", "a3", "a4"});
    SECTION("because it came up by itself") {
      stage.usual.free = 3;
      stage.queue.look(3);
      CHECK(stage.queue.depth() == 1);
    }
    SECTION("because it came up while one looked") {
      stage.queue.look(1);
      stage.give_back(stage.usual, 3);
    }
    SECTION("because it came up after one had looked in vain") {
      stage.queue.look(1);
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
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.gives_up = "a1";
    stage.line_up({"a1", "a2"});
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1 gave up", "a2"});
}

TEST_CASE("a turn that is given up is one turn, whoever has seen room meanwhile", "[upstream][queue]") {
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.gives_up = "a1";
    stage.line_up({"a1", "a2"});
    stage.give_back(stage.usual);
    stage.line_up({"a3"});  // sees the place that a1 is called for
    co_await stage.until(1);
    CHECK(stage.queue.depth() == 1);  // a2 is called, and nobody else
    co_await stage.until(2);
    stage.give_back(stage.usual);
    co_await stage.until(3);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1 gave up", "a2", "a3"});
}

TEST_CASE("by itself one looks for all, whatever it sees", "[upstream][queue]") {
  Queue queue(20 * kMilli);
  Stage stage(queue);
  const auto script = [&]() -> Task<void> {
    stage.line_up({"a1"});
    stage.room = &stage.other;
    stage.line_up({"b1"});
    stage.other.free = 1;
    co_await stage.until(1);
    stage.give_back(stage.usual);
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"b1", "a1"});
}

TEST_CASE("without a call the next one looks again by itself now and then", "[upstream][queue]") {
  Queue queue;
  Stage stage(queue);
  const auto script = [&]() -> Task<void> {
    stage.arrive({"a", "patient"});
    stage.usual.free = 1;
    co_await stage.until(1);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"patient"});
}

TEST_CASE("a call in vain goes on to the next of another kind, and ends there", "[upstream][queue]") {
  Alone stage;
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

TEST_CASE("a place that is freed after a looker has found another is found too", "[upstream][queue]") {
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.lingers = "a1";
    stage.line_up({"a1", "a2"});
    stage.usual.free = 1;
    stage.queue.look(1);
    co_await stage.until_turn(1);
    CHECK(stage.usual.free == 0);
    stage.give_back(stage.usual);
    stage.lingers.clear();
    co_await stage.until(2);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"a1", "a2"});
}

TEST_CASE("one who is slow to look does not keep the others from room that is there", "[upstream][queue]") {
  Alone stage;
  const auto script = [&]() -> Task<void> {
    stage.dawdles = "slow";
    stage.arrive({"a", "slow"});
    stage.give_back(stage.usual);
    stage.usual.free = 3;
    for (const char* name : {"b1", "c1", "d1"})
      stage.arrive({std::string(1, name[0]), name, 3});
    co_await stage.until(2);
    co_await stage.settle();
    // One place is left, and it is for the first one.
    CHECK(stage.ends == Names{"b1", "c1"});
    CHECK(stage.usual.free == 1);
    stage.dawdles.clear();
    co_await stage.until(3);
    stage.give_back(stage.usual);
    co_await stage.until(4);
  };
  run(stage.loop, script);
  CHECK(stage.ends == Names{"b1", "c1", "slow", "d1"});
}

TEST_CASE("with workers on several threads no place stays free while somebody waits", "[upstream][queue]") {
  Queue queue(kNever);
  Room usual{4};
  Room other{2};
  const auto work = [&](int seed) {
    Stage stage(queue);
    const auto request = [&](int number) -> Task<void> {
      Room& mine = number % 3 == 0 ? other : usual;
      stage.room = &mine;
      if (queue.anybody() || !mine.take()) co_await stage.stand_as(number % 7, mine);
      for (int i = number % 5; i > 0; --i)
        co_await stage.loop.yield();
      ++mine.free;
      if (queue.anybody()) queue.freed();
      ++stage.done;
    };
    const auto script = [&]() -> Task<void> {
      for (int i = 0; i < 3000; ++i) {
        start(request(i + seed));
        if (i % 16 == 0) co_await stage.loop.yield();
      }
      while (stage.done < 3000)
        co_await stage.loop.yield();
    };
    run(stage.loop, script);
    const auto served = std::count(stage.ends.begin(), stage.ends.end(), "x");
    return static_cast<std::size_t>(served) == stage.ends.size();
  };
  std::future<bool> others[] = {std::async(std::launch::async, work, 1),
                                std::async(std::launch::async, work, 2)};
  CHECK(work(0));
  for (auto& one : others)
    CHECK(one.get());
  CHECK_FALSE(queue.anybody());
  CHECK(usual.free == 4);
  CHECK(other.free == 2);
}
