// Requests that wait for one of a pool's servers to have room. One queue per pool for the whole process, for
// the bound is the process's: whoever gives a place back calls the next one, on whichever worker it waits.
//
// Fair between tenants: they are called in turns, and each tenant's requests in the order they came, so that
// one tenant's flood delays its own requests. All but the waiting itself may be called on any thread.
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
 public:
  enum class End : std::uint8_t { called, timed_out, left };

  // One request's place; lives where it waits.
  class Place {
   public:
    // Requests of one `kind` have the same servers to choose from: while one of them finds no room, none
    // does. A reload makes another kind.
    Place(Queue& queue, net::Loop& loop, std::string_view tenant, const void* kind);
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Queues up; false where `size` requests wait already. A request that was called in vain comes before all
    // others of its tenant, and is never turned away.
    bool enter(std::uint32_t size, Nanos deadline);
    // After enter(), and after another look whether there is room by now: until called, or until the
    // deadline. Whoever is called and does not use the call must pass it on: Queue::call().
    Task<End> wait();
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
    net::Deadline look_;
    net::Waiter waiter_{};
    Nanos deadline_ = 0;
    End end_ = End::called;
    // Under the queue's lock:
    bool waiting_ = false;
    std::list<Place*>::iterator at_{};  // in its lane, while waiting
    bool called_before_ = false;
  };

  // Whether anybody waits. For who has just given a place back; see Endpoint::release().
  bool anybody() const { return depth() != 0; }
  std::uint32_t depth() const { return depth_.load(std::memory_order_seq_cst); }
  // A place may be free: the next one may try.
  void call();
  // The next of another kind may try: one of this kind did in vain.
  void call_another(const void* kind);

 private:
  struct Lane {
    std::string tenant;
    std::list<Place*> places;
  };
  using Lanes = std::list<Lane>;

  bool enter(Place& place, std::uint32_t size);
  bool remove(Place& place);
  void take_out(Place& place, Lanes::iterator lane);
  void call(Place& place, Lanes::iterator lane);
  // Room may come up without anybody giving a place back: a server recovers, a reload raises a bound.
  void call_now_and_then(Nanos now);

  std::atomic<std::uint32_t> depth_{0};
  std::atomic<Nanos> next_look_{0};
  std::mutex mutex_;
  Lanes lanes_;  // in the order of their turns
  std::unordered_map<std::string_view, Lanes::iterator> by_tenant_;
  std::unordered_map<const void*, std::uint32_t> kinds_;  // how many wait of each
};

}  // namespace sluice::upstream
