// Read buffers, borrowed from the thread while bytes are under way and given back when a connection goes
// idle. One contiguous piece of memory: [begin, end) holds bytes not consumed yet, [end, capacity) takes
// more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice {

class Buffer {
 public:
  // Ordinary messages fit the small size; bodies under way use the large one: fewer system calls, and the
  // kernel copies 64 KiB at nearly the same cost per byte as 16. The tiny one is for what must be kept of a
  // few bytes, many times over.
  static constexpr std::size_t kTiny = 2 * 1024;
  static constexpr std::size_t kSmall = 16 * 1024;
  static constexpr std::size_t kLarge = 64 * 1024;

  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { release(); }

  bool allocated() const { return data_ != nullptr; }
  std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  char* data() { return data_ + begin_; }
  std::span<char> room() { return {data_ + end_, capacity_ - end_}; }
  std::size_t capacity() const { return capacity_; }

  // Makes sure there is memory of at least `bytes` in all, of one of the sizes above if they suffice;
  // contents are kept, and moved to the front.
  void reserve(std::size_t bytes);
  // Moves the contents to the front, so that room() is as large as it can be.
  void compact();
  void commit(std::size_t bytes) { end_ += bytes; }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Gives the memory back; the contents are gone.
  void release();

 private:
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace sluice
