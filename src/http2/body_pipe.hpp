// The body of one received message: DATA frames from the session on one end, pulled from the other. What lies
// between is bounded by the stream's window, which is opened again only for what was pulled.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/buffer.hpp"
#include "sluice/http/body.hpp"
#include "sluice/net/loop.hpp"

#include "http2/receive_window.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::http2 {

class Session;

class BodyPipe final : public http::BodySource {
 public:
  BodyPipe() : deadline_(&BodyPipe::on_deadline, this) {}

  // `side` is put into errors.
  void start(Session& session, std::uint32_t stream, Side side);
  // The longest wait for more bytes. A body that has more than `most` bytes (0: no bound) fails.
  void set_limits(Nanos stall, std::uint64_t most) {
    stall_ = stall;
    most_ = most;
  }
  void bound(std::uint64_t most) { most_ = most; }
  // What Content-Length says; none for a body that ends when it ends.
  void expect(std::optional<std::uint64_t> length) { expected_ = length; }
  // Keeps the last byte of an announced length back until END_STREAM: only then is it certain that the
  // message is what it said, and who reads it by its length would take it for complete.
  void hold_last() { hold_last_ = true; }

  // From the session. A DATA frame's bytes, padding and all, against the window.
  bool admit(std::uint32_t bytes) { return window_.admit(bytes); }
  // False: more than was announced.
  bool push(std::string_view data);
  // END_STREAM. False: less than was announced.
  bool finish();
  // Padding came, which only counts against the windows.
  void skip();
  void fail(const Error& error);
  // Forgets what was not read.
  void close();
  http::Fields& received_trailers() { return trailers_; }

  // Lets the peer send ahead before anything has come, as far as there is room to spare: whether it ever will
  // is not known.
  void open_wide();
  // A round trip of the connection begins, and ends. True: the window grew.
  void begin_round() { window_.begin_round(bytes_); }
  bool end_round() { return window_.end_round(bytes_); }

  http::BodyStep poll(std::string_view& piece) override;
  Task<void> fill() override;
  void release() override;
  void stop() override;
  Error error() const override { return error_; }
  const http::Fields& trailers() const override { return trailers_; }

  bool ended() const { return ended_; }
  // What the peer may still send.
  std::int64_t window() const { return window_.open(); }
  // Bytes handed to the reader.
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Chunk {
    Buffer memory;
    std::size_t read = 0;
    std::string_view unread() const { return memory.view().substr(read); }
  };
  struct Wait;

  std::uint64_t available() const;
  std::int64_t unread() const { return static_cast<std::int64_t>(received_ - bytes_); }
  std::uint64_t to_come() const;
  void settle();
  void refill();
  void wake();
  static void on_deadline(void* self);

  Session* session_ = nullptr;
  std::vector<Chunk> chunks_;  // what was read stays until the next fill() or release()
  std::size_t first_ = 0;      // the first chunk with something unread, or the last
  net::Waiter* waiter_ = nullptr;
  net::Deadline deadline_;
  Error error_;
  http::Fields trailers_;
  std::optional<std::uint64_t> expected_;
  std::uint64_t received_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t most_ = 0;
  ReceiveWindow window_;
  Nanos stall_ = 0;
  std::uint32_t stream_ = 0;
  Side side_ = Side::internal;
  bool unsettled_ = false;  // something was read, and the window knows nothing of it yet
  bool ended_ = false;
  bool hold_last_ = false;
};

}  // namespace sluice::http2
