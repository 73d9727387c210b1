// The body of one received message: DATA frames from the session on one end, pulled from the other. What lies
// between is bounded by the stream's window, which is opened again only for what was pulled.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/buffer.hpp"
#include "sluice/http/body.hpp"
#include "sluice/net/loop.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::http2 {

class Session;

class BodyPipe final : public http::BodySource {
 public:
  BodyPipe() : deadline_(&BodyPipe::on_deadline, this) {}

  // `window`: what the peer may send now. `side` is put into errors.
  void start(Session& session, std::uint32_t stream, Side side, std::int64_t window);
  // The longest wait for more bytes. A body that has more than `most` bytes (0: no bound) fails.
  void set_limits(Nanos stall, std::uint64_t most) {
    stall_ = stall;
    most_ = most;
  }
  // What Content-Length says; none for a body that ends when it ends.
  void expect(std::optional<std::uint64_t> length) { expected_ = length; }

  // From the session. A DATA frame's bytes, padding and all, against the window.
  bool admit(std::uint32_t bytes);
  // False: more than was announced.
  bool push(std::string_view data);
  // END_STREAM. False: less than was announced.
  bool finish();
  // Padding, and what nobody will read: it only counts against the windows.
  void skip(std::uint32_t bytes);
  void fail(const Error& error);
  // Forgets what was not read and opens the connection's window for it.
  void close();
  http::Fields& received_trailers() { return trailers_; }

  http::BodyStep poll(std::string_view& piece) override;
  Task<void> fill() override;
  void stop() override;
  Error error() const override { return error_; }
  const http::Fields& trailers() const override { return trailers_; }

  bool ended() const { return ended_; }
  // Bytes handed to the reader.
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Chunk {
    Buffer memory;
    std::size_t read = 0;
    std::string_view unread() const { return memory.view().substr(read); }
  };
  struct Wait;

  void settle();
  void wake();
  static void on_deadline(void* self);

  Session* session_ = nullptr;
  std::vector<Chunk> chunks_;  // from first_ on; what was read stays until the next fill()
  std::size_t first_ = 0;      // the first chunk with something unread, or the last
  net::Waiter* waiter_ = nullptr;
  net::Deadline deadline_;
  Error error_;
  http::Fields trailers_;
  std::optional<std::uint64_t> expected_;
  std::uint64_t received_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t most_ = 0;
  std::uint64_t unsettled_ = 0;  // read, and not yet given back to the windows
  std::int64_t window_ = 0;      // what the peer may still send
  std::int64_t target_ = 0;      // what it may send when all is read
  Nanos stall_ = 0;
  std::uint32_t stream_ = 0;
  Side side_ = Side::internal;
  bool ended_ = false;
};

}  // namespace sluice::http2
