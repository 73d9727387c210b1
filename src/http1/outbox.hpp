// What is about to be written to one transport, gathered: text made here (heads, chunk sizes) is copied into
// a scratch of the thread, body pieces go by reference. All leaves in one system call where the kernel takes
// it.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/message.hpp"
#include "sluice/net/transport.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <sys/uio.h>
#include <vector>

namespace sluice::http1 {

// What one write left over, kept while its writer waits. Made once per message, used again for each wait.
struct Unsent {
  std::string text;
  std::vector<iovec> pieces;
};

class Outbox {
 public:
  // The thread's own, empty. To be filled and flushed without an await in between.
  static Outbox& fresh();

  void text(std::string_view bytes);
  void number(std::uint64_t value);
  // A body piece as it is, or as one chunk.
  void piece(std::string_view bytes);
  void chunk(std::string_view bytes);
  void last_chunk(const http::Fields& trailers, std::string_view own_field);

  void request_head(const http::RequestHead& head, std::string_view default_host);
  // `framing` is the one used on this connection, `connection` the value of the Connection field or empty.
  void response_head(const http::ResponseHead& head, http::Framing framing, std::string_view connection);

  bool empty() const { return count_ == 0; }
  std::size_t bytes() const { return bytes_; }
  // Whether another piece may be added.
  bool has_room() const { return count_ + 4 <= kMost && bytes_ < kEnough; }

  // Hands everything to the kernel if it takes it now: `done` says whether it did. Otherwise `rest` holds
  // what is left, for Transport::write_all; the thread's scratch is free again.
  Error flush(net::Transport& transport, bool& done, Unsent& rest);

 private:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kEnough = 128 * 1024;

  struct Part {
    const char* outside;  // nullptr: in the scratch, at `offset`
    std::size_t offset;
    std::size_t size;
  };

  void field(std::string_view name, std::string_view value);
  void fields(const http::Fields& fields);
  // Where `bytes` more can be written, behind what is in the scratch.
  char* room(std::size_t bytes) {
    if (size_ + bytes > capacity_) grow(bytes);
    return scratch_.get() + size_;
  }
  void grow(std::size_t bytes);

  std::unique_ptr<char[]> scratch_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::array<Part, kMost> parts_{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sluice::http1
