// The wheel with time moved by hand: the loop is only the place where the wheel lives.
#include "sluice/net/loop.hpp"

#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::net::Deadline;
using sluice::net::DeadlineWheel;
using sluice::net::Loop;
using namespace sluice::test;

namespace {

constexpr Nanos kTick = Nanos{1} << DeadlineWheel::kTickShift;
constexpr Nanos kRound = kTick * static_cast<Nanos>(DeadlineWheel::kSlots);

struct Wheel {
  Loop loop;
  Nanos now = loop.now();
  void advance(Nanos by) {
    now += by;
    loop.wheel().advance(now);
  }
  int timeout_ms() const { return const_cast<Loop&>(loop).wheel().timeout_ms(now); }
};

struct Timer {
  explicit Timer(Wheel& of) : wheel(of) {}
  void arm(Nanos from_now) { deadline.arm(wheel.loop, wheel.now + from_now); }

  Wheel& wheel;
  int fired = 0;
  Nanos when = 0;
  Deadline deadline{[](void* self) {
                      auto& timer = *static_cast<Timer*>(self);
                      ++timer.fired;
                      timer.when = timer.wheel.now;
                    },
                    this};
};

}  // namespace

TEST_CASE("a deadline fires once, not early, and at most one tick late", "[net][deadline]") {
  for (const Nanos after : {Nanos{1}, 5 * kMilli, kTick, kTick + 1, 100 * kMilli, kSecond, 10 * kSecond}) {
    CAPTURE(after);
    Wheel wheel;
    Timer timer(wheel);
    timer.arm(after);
    const Nanos due = wheel.now + after;
    CHECK(timer.deadline.armed());
    while (wheel.now < due + 2 * kTick)
      wheel.advance(kMilli);
    CHECK(timer.fired == 1);
    CHECK(timer.when >= due);
    CHECK(timer.when <= due + kTick + kMilli);
    CHECK_FALSE(timer.deadline.armed());
    wheel.advance(3 * kRound);
    CHECK(timer.fired == 1);
  }
}

TEST_CASE("an instant that has passed already fires at the next tick", "[net][deadline]") {
  Wheel wheel;
  Timer timer(wheel);
  timer.arm(-10 * kSecond);
  wheel.advance(kTick);
  CHECK(timer.fired == 1);
}

TEST_CASE("a deadline moved away fires at the new instant only", "[net][deadline]") {
  Wheel wheel;
  Timer timer(wheel);
  timer.arm(100 * kMilli);
  for (int i = 0; i < 50; ++i) {
    wheel.advance(50 * kMilli);
    timer.arm(100 * kMilli);
  }
  CHECK(timer.fired == 0);
  wheel.advance(100 * kMilli + kTick);
  CHECK(timer.fired == 1);
}

TEST_CASE("a deadline moved nearer fires at the new instant", "[net][deadline]") {
  Wheel wheel;
  Timer timer(wheel);
  timer.arm(60 * kSecond);
  timer.arm(kSecond);
  wheel.advance(kSecond + kTick);
  CHECK(timer.fired == 1);
  wheel.advance(60 * kSecond);
  CHECK(timer.fired == 1);
}

TEST_CASE("a disarmed deadline does not fire, and can be armed again", "[net][deadline]") {
  Wheel wheel;
  Timer timer(wheel);
  timer.arm(kSecond);
  timer.deadline.disarm();
  CHECK_FALSE(timer.deadline.armed());
  wheel.advance(2 * kSecond);
  CHECK(timer.fired == 0);
  timer.arm(kSecond);
  timer.deadline.disarm();
  timer.arm(2 * kSecond);  // while it is linked at the first instant
  wheel.advance(kSecond + 2 * kTick);
  CHECK(timer.fired == 0);
  wheel.advance(kSecond);
  CHECK(timer.fired == 1);
}

TEST_CASE("deadlines beyond one round of the wheel wait for their own round", "[net][deadline]") {
  for (const Nanos after : {kRound - kTick, kRound, kRound + kTick, 3 * kRound + kRound / 2, 500 * kRound}) {
    CAPTURE(after);
    Wheel wheel;
    Timer timer(wheel);
    timer.arm(after);
    const Nanos due = wheel.now + after;
    const Nanos step = 3 * kTick;
    while (wheel.now + step < due) {
      wheel.advance(step);
    }
    CHECK(timer.fired == 0);
    wheel.advance(step + kTick);
    CHECK(timer.fired == 1);
  }
}

TEST_CASE("after a long sleep everything due fires, and nothing else", "[net][deadline]") {
  Wheel wheel;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 1; i <= 600; ++i) {
    timers.push_back(std::make_unique<Timer>(wheel));
    timers.back()->arm(i * kTick * 3);
  }
  wheel.advance(900 * kTick);
  for (int i = 1; i <= 600; ++i) {
    CAPTURE(i);
    const Nanos due = i * kTick * 3;
    const int fired = timers[static_cast<std::size_t>(i - 1)]->fired;
    if (due <= 899 * kTick) CHECK(fired == 1);
    if (due > 900 * kTick) CHECK(fired == 0);
  }
  wheel.advance(100 * kRound);
  for (const auto& timer : timers)
    CHECK(timer->fired == 1);
}

TEST_CASE("a deadline may arm itself again when it fires", "[net][deadline]") {
  Wheel wheel;
  struct Periodic {
    Wheel& wheel;
    int fired = 0;
    Deadline deadline{[](void* self) {
                        auto& periodic = *static_cast<Periodic*>(self);
                        ++periodic.fired;
                        periodic.deadline.arm(periodic.wheel.loop, periodic.wheel.now + 10 * kTick);
                      },
                      this};
  } periodic{wheel};
  periodic.deadline.arm(wheel.loop, wheel.now + 10 * kTick);
  for (int i = 0; i < 110; ++i)
    wheel.advance(kTick);
  CHECK(periodic.fired == 10);
}

TEST_CASE("a deadline that fires may destroy or disarm its neighbours", "[net][deadline]") {
  Wheel wheel;
  struct Group {
    std::vector<std::unique_ptr<Deadline>> all;
    int fired = 0;
  } group;
  // Whoever comes first takes all others of the slot away: half destroyed, half disarmed.
  for (int i = 0; i < 10; ++i) {
    group.all.push_back(std::make_unique<Deadline>(
        [](void* self) {
          auto& g = *static_cast<Group*>(self);
          ++g.fired;
          for (std::size_t at = 1; at < g.all.size(); ++at) {
            if (at % 2 == 0) {
              g.all[at].reset();
            } else {
              g.all[at]->disarm();
            }
          }
        },
        &group));
    group.all.back()->arm(wheel.loop, wheel.now + kSecond);
  }
  wheel.advance(2 * kSecond);
  CHECK(group.fired == 1);
}

TEST_CASE("the wheel says how long the loop may sleep", "[net][deadline]") {
  Wheel wheel;
  CHECK(wheel.timeout_ms() == -1);
  for (const Nanos after : {Nanos{1}, 20 * kMilli, kSecond, kRound - kTick, kRound, 5 * kRound + kSecond}) {
    CAPTURE(after);
    Timer timer(wheel);
    timer.arm(after);
    const Nanos due = wheel.now + after;
    int wakes = 0;
    while (timer.fired == 0 && wakes < 20) {
      const int sleep = wheel.timeout_ms();
      REQUIRE(sleep >= 0);
      wheel.advance(sleep * kMilli);
      ++wakes;
    }
    CHECK(timer.fired == 1);
    CHECK(wheel.now >= due);
    CHECK(wheel.now <= due + kTick + 2 * kMilli);
    CHECK(wakes <= 8);  // at most one for each round, and no spinning
  }
  wheel.advance(2 * kRound);
  CHECK(wheel.timeout_ms() == -1);
}

TEST_CASE("ten thousand moves at random keep every promise", "[net][deadline]") {
  Wheel wheel;
  struct Tracked : Timer {
    using Timer::Timer;
    Nanos due = 0;  // 0: nothing may fire
  };
  std::vector<std::unique_ptr<Tracked>> timers;
  for (int i = 0; i < 200; ++i)
    timers.push_back(std::make_unique<Tracked>(wheel));
  std::mt19937 random(7);
  const auto below = [&](Nanos most) {
    return static_cast<Nanos>(random() % static_cast<std::uint64_t>(most));
  };
  for (int step = 0; step < 10'000; ++step) {
    Tracked& timer = *timers[random() % timers.size()];
    if (below(4) == 0) {
      timer.deadline.disarm();
      timer.due = 0;
    } else {
      const Nanos after = below(3) == 0 ? below(3 * kRound) : below(kSecond);
      timer.arm(after);
      timer.due = wheel.now + after;
    }
    for (auto& each : timers)
      each->fired = 0;
    wheel.advance(below(100) == 0 ? below(2 * kRound) : below(kTick));
    int wrong = 0;
    for (auto& each : timers) {
      if (each->fired != 0) {
        if (each->fired != 1 || each->due == 0 || each->due > wheel.now) ++wrong;
        each->due = 0;
      }
      if (each->due != 0 && each->due + 2 * kTick < wheel.now) ++wrong;
    }
    REQUIRE(wrong == 0);
  }
}
