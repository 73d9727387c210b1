// How far the peer of one stream may send ahead of our reader: a value that knows no socket and no clock.
//
// All streams begin with the same small window. Once the reader has taken half of it and there is more to
// come, the body is large, and is granted much more at once: over a distance each step of growth would cost a
// round trip, and most bodies are over after a few. From then on the grant follows what is taken: twice as
// much as in the last round trip. A reader that falls behind, and a peer that is near or slow, come down to
// little; a window that is what holds a peer up is doubled.
//
// What goes beyond the first window is held of a budget, until the peer has sent it and it was read.
#pragma once

#include "sluice/http2/window_budget.hpp"

#include <cstdint>

namespace sluice::http2 {

class ReceiveWindow {
 public:
  void start(std::int64_t first, WindowBudget& budget);
  // Bytes that came, padding and all. False: the peer may not send so much.
  bool admit(std::uint32_t bytes);
  // What the peer may still send.
  std::int64_t open() const { return open_; }

  // With so many bytes read, and so many that have not come: whether it is time to widen().
  bool is_small_for(std::uint64_t read, std::uint64_t to_come) const {
    return !wide_ && static_cast<std::int64_t>(read) >= first_ / 2 &&
           to_come > static_cast<std::uint64_t>(open_);
  }
  // Aims at `wish` bytes, or what the budget has.
  void widen(std::int64_t wish);
  bool wide() const { return wide_; }

  // A round trip begins, and ends; `read` counts since the stream began. True: the window grew.
  void begin_round(std::uint64_t read);
  bool end_round(std::uint64_t read);

  // How much more the peer is to be told that it may send, now that `unread` bytes lie in memory; 0: it is
  // not worth a frame.
  std::int64_t refill(std::int64_t unread, std::uint64_t to_come);
  // It will send nothing more; what is unread stays.
  void end(std::int64_t unread);

 private:
  void hold_no_more_than(std::int64_t bytes);

  WindowBudget* budget_ = nullptr;
  std::int64_t first_ = 0;
  std::int64_t open_ = 0;
  std::int64_t target_ = 0;  // what may be open or unread, all in all
  std::int64_t held_ = 0;    // of the budget
  std::uint64_t mark_ = 0;   // what was read when the round began
  bool wide_ = false;
  bool fresh_ = false;     // was widened, and no round has begun since
  bool measured_ = false;  // the round that is under way tells something
};

}  // namespace sluice::http2
