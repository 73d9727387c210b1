// Requests that wait for one of a pool's servers to have room. One queue per pool for the whole process, for
// the bound is the process's: whoever gives a place back has the next one called, on whichever worker it
// waits.
//
// Fair between tenants: they are called in turns, and each tenant's requests in the order they came, so that
// one tenant's flood delays its own requests. Who is called has its turn until it has looked for room, and
// who comes later does not pass it: so many are called as places are freed, or as somebody sees more than
// there are turns. All but the waiting itself may be called on any thread.
#pragma once

#include "sluice/base/task.hpp"
#include "sluice/net/loop.hpp"

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::upstream {

class Queue {
  struct Kind {
    std::uint32_t waiting = 0;
    bool in_vain = false;  // one of them found no room, and none has come up since
  };

 public:
  enum class End : std::uint8_t { called, timed_out, left };

  // For room that comes up without anybody giving a place back (a server recovers, a reload raises a bound),
  // the first in line looks by itself once in `look_every`.
  explicit Queue(Nanos look_every = 100'000'000) : look_every_(look_every) {}

  struct Room {
    std::uint64_t (*count)(const void* of);
    const void* of;
    std::uint64_t operator()() const { return count(of); }
  };

  // One request's place; lives where it waits.
  class Place {
   public:
    // Requests of one `kind` have the same servers to choose from: while one of them finds no room, none
    // does. A reload makes another kind.
    // `room` tells how many places there are for them at this moment, on the thread where it waits.
    Place(Queue& queue, net::Loop& loop, std::string_view tenant, const void* kind, Room room);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // Ends its turn, if it has one; somebody else is called, unless it was served.
    ~Place();

    // Queues up; false where `size` requests wait already. A request that was called in vain comes before all
    // others, and is never turned away.
    bool enter(std::uint32_t size, Nanos deadline);
    // After enter(): until called, or until the deadline.
    Task<End> wait();
    // The call led to room.
    void served() { served_ = true; }
    // The client is gone: wait() ends with `left`, unless the call came before.
    void leave() { finish(End::left); }

   private:
    friend class Queue;
    struct Parked;
    static void on_look(void* self);
    void finish(End end);

    Queue& queue_;
    net::Loop& loop_;
    const std::string tenant_;
    const void* const kind_;
    const Room room_;
    net::Deadline look_;
    net::Waiter waiter_{};
    Nanos deadline_ = 0;
    End end_ = End::called;
    // Under the queue's lock:
    bool waiting_ = false;
    bool has_turn_ = false;
    std::uint64_t number_ = 0;          // in the order of arrival
    std::list<Place*>::iterator at_{};  // in its lane, while waiting
    Kind* of_kind_ = nullptr;           // while waiting
    bool looks_ = false;                // no place was freed for its turn
    bool served_ = false;
  };

  // Whether anybody waits or has its turn: others come after it. For who wants a place, and for who has just
  // given one back; see Endpoint::release().
  bool anybody() const { return in_line_.load(std::memory_order_seq_cst) != 0; }
  // How many wait.
  std::uint32_t depth() const { return depth_.load(std::memory_order_relaxed); }
  // A place was given back.
  void freed();
  // Somebody sees room for so many.
  void look(std::uint64_t room);

 private:
  struct Lane {
    std::string tenant;
    std::list<Place*> places;
  };
  using Lanes = std::list<Lane>;

  bool enter(Place& place, std::uint32_t size);
  bool remove(Place& place);
  void end_turn(Place& place);
  // The rest under the lock.
  void take_out(Place& place, Lanes::iterator lane);
  void turn_is_over(Place& place);
  void room_came_up();
  bool any_kind_may_find() const;
  // The first one that may find room; nullptr: nobody.
  Place* call_next();
  // The same, though no place was freed; one at a time.
  void send_to_look();
  void call(Place& place, Lanes::iterator lane);
  // Whether it is time, for one of all who wait.
  bool may_look(Nanos now);

  const Nanos look_every_;
  std::atomic<std::uint32_t> in_line_{0};  // who waits, and who has its turn
  std::atomic<std::uint32_t> depth_{0};
  std::atomic<Nanos> next_look_{0};
  std::mutex mutex_;
  Lanes lanes_;  // in the order of their turns
  std::unordered_map<std::string_view, Lanes::iterator> by_tenant_;
  std::unordered_map<const void*, Kind> kinds_;  // of those who wait
  std::uint64_t arrivals_ = 0;
  std::uint32_t turns_ = 0;       // calls whose outcome is not known yet
  Place* looking_ = nullptr;      // among those, the one that looks, until a place is freed that it may find
  std::uint32_t look_after_ = 0;  // so many turns somebody is to look; 0: no need
};

}  // namespace sluice::upstream
