// The body of one received message: bytes from a transport through a buffer, framed by length, chunks, or the
// end of the connection.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/buffer.hpp"
#include "sluice/http/body.hpp"
#include "sluice/http/message.hpp"
#include "sluice/net/transport.hpp"

#include "http1/chunked.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http1 {

class BodyReader final : public http::BodySource {
 public:
  // `transport`, `buffer` and `arena` outlive the reading of this body. `side` is put into errors.
  void start(net::Transport& transport, Buffer& buffer, Arena& arena, http::Framing framing,
             std::uint64_t length, Side side);
  // The longest wait for more bytes. A body that has more than `most` bytes (0: no bound) fails.
  void set_limits(Nanos stall, std::uint64_t most) {
    stall_ = stall;
    most_ = most;
  }
  void bound(std::uint64_t most) { most_ = most; }

  http::BodyStep poll(std::string_view& piece) override;
  Task<void> fill() override;
  void stop() override;
  std::uint64_t spliceable() const override;
  http::BodyStep splice(Pipe& pipe) override;
  Error error() const override { return error_; }
  const http::Fields& trailers() const override { return decoder_.trailers(); }

  bool finished() const { return finished_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  http::BodyStep deliver(std::size_t bytes);
  http::BodyStep fail(ErrorKind kind, int cause = 0);
  http::BodyStep fail(Rule rule);
  void take_result(const net::IoResult& got);

  net::Transport* transport_ = nullptr;
  Buffer* buffer_ = nullptr;
  Arena* arena_ = nullptr;
  ChunkDecoder decoder_;
  Error error_;
  std::uint64_t left_ = 0;   // with a length: bytes not delivered yet
  std::uint64_t bytes_ = 0;  // delivered
  std::uint64_t most_ = 0;
  Nanos stall_ = 0;
  http::Framing framing_ = http::Framing::none;
  Side side_ = Side::internal;
  bool eof_ = false;
  bool filling_ = false;
  bool splicing_ = false;  // fill() is to wait, and to leave the bytes in the socket
  bool stopped_ = false;   // by stop(), while filling
  bool finished_ = true;
};

}  // namespace sluice::http1
