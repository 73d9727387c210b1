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
#include <cstring>
#include <memory>
#include <string_view>
#include <sys/uio.h>
#include <vector>

namespace sluice::http1 {

// What one write left over, kept while its writer waits. Made once per message, used again for each wait.
struct Unsent {
  std::vector<char> text;  // the pieces point into it, and may be moved with it
  std::vector<iovec> pieces;
};

class Outbox {
 public:
  // The thread's own, empty. To be filled and flushed without an await in between.
  static Outbox& fresh();

  // One or several texts, as one.
  template <class... Texts>
  void text(const Texts&... texts) {
    char* to = extend((view(texts).size() + ...));
    ((to = append(to, view(texts))), ...);
  }
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

  void field(std::string_view name, std::string_view value) { text(name, ": ", value, "\r\n"); }
  void fields(const http::Fields& fields);
  void content_length(std::uint64_t length);

  static std::string_view view(std::string_view text) { return text; }
  template <std::size_t N>
  static std::string_view view(const char (&literal)[N]) {
    return {literal, N - 1};
  }
  static char* append(char* to, std::string_view text) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  // Makes the text at the end longer by `bytes`, which are to be written where this points.
  char* extend(std::size_t bytes) {
    if (size_ + bytes > capacity_) grow(bytes);
    const bool grows = count_ != 0 && parts_[count_ - 1].outside == nullptr;
    if (!grows) parts_[count_++] = {nullptr, size_, 0};
    char* const to = scratch_.get() + size_;
    size_ += bytes;
    parts_[count_ - 1].size += bytes;
    bytes_ += bytes;
    return to;
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
