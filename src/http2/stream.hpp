// One stream: a message coming in (BodyPipe), a message going out, and its place among the others of its
// connection. What goes out is pulled from a BodySource when the connection has room for it, in the order of
// RFC 9218.
#pragma once

#include "sluice/http/body.hpp"
#include "sluice/http/exchange.hpp"

#include "http2/body_pipe.hpp"
#include "http2/frame.hpp"
#include "http2/priority.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http2 {

class Session;

class Stream {
 public:
  enum class Gone : std::uint8_t { no, by_peer, by_us };

  Stream() : stall_(&Stream::on_stall, this) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  std::uint32_t id() const { return id_; }
  BodyPipe& received() { return received_; }
  Gone gone() const { return gone_; }
  bool local_ended() const { return local_ended_; }
  bool remote_ended() const { return remote_ended_; }

 protected:
  void open(Session& session, std::uint32_t id);

  // Sends `body` and, after its end, its trailers (but for `own_field`); `stall` bounds each wait for the
  // peer's windows. Counts into `counter`.
  Task<Error> send_body(http::BodySource& body, std::string_view own_field, Nanos stall,
                        std::uint64_t& counter);
  // The same as far as it goes without waiting. True: to the end.
  bool send_what_is_here(http::BodySource& body, std::string_view own_field, std::uint64_t& counter);

  // The peer or the connection gave the stream up: everything under way for it fails.
  void lose(const Error& error, Gone how);
  // END_STREAM without having sent a body.
  void end_without_body();
  // For streams on which a head must come before DATA may.
  void await_head() { data_allowed_ = false; }
  void expect_data() { data_allowed_ = true; }
  // RST_STREAM: we have said all that we will.
  void abandon(Code code);
  // The peer does not want the rest of what we send.
  void stop_sending();
  virtual void on_lost() = 0;
  const Error& lost() const { return lost_; }

  Session* session_ = nullptr;
  Priority priority_;

 private:
  friend class Session;
  struct Turn;

  enum class Sent : std::uint8_t { more, ended, waits_for_body, waits_for_window, failed };

  void prepare(http::BodySource& body, std::string_view own_field, std::uint64_t& counter);
  Sent send_frame();
  void finish_body();
  void settle_turn(Sent result);
  static void on_stall(void* self);

  BodyPipe received_;
  http::BodySource* body_ = nullptr;  // going out
  std::string_view pending_;          // polled from it, not sent yet
  std::string_view own_field_;
  std::uint64_t* counter_ = nullptr;
  Turn* turn_ = nullptr;  // who waits for this stream's turn to send
  net::Deadline stall_;
  Error lost_;
  Nanos stall_after_ = 0;
  std::int64_t window_ = 0;   // what we may send
  std::uint64_t served_ = 0;  // when the scheduler last chose it
  std::uint32_t id_ = 0;
  http::BodyStep step_ = http::BodyStep::end;  // what the body said last
  Gone gone_ = Gone::no;
  bool data_allowed_ = true;
  bool local_ended_ = false;   // END_STREAM sent
  bool remote_ended_ = false;  // END_STREAM received
};

}  // namespace sluice::http2
