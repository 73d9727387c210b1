// A pipe of the kernel, through which splice() moves bytes from one socket to another without their being
// copied to us and back.
//
// Each thread keeps some empty ones: borrow() makes a system call only when none is left, and one that is
// destroyed empty goes back. One that still holds bytes is closed, so that nobody finds them there later.
#pragma once

#include <cstddef>
#include <utility>

namespace sluice {

class Pipe {
 public:
  // Empty, or of no use (operator bool) when the process has no more descriptors.
  static Pipe borrow();
  ~Pipe();
  Pipe(Pipe&& other) noexcept
      : source_(std::exchange(other.source_, -1)),
        sink_(std::exchange(other.sink_, -1)),
        held_(std::exchange(other.held_, 0)) {}
  Pipe& operator=(Pipe&&) = delete;

  explicit operator bool() const { return sink_ >= 0; }
  int sink() const { return sink_; }      // to be written to
  int source() const { return source_; }  // to be read from
  std::size_t held() const { return held_; }
  void added(std::size_t bytes) { held_ += bytes; }
  void taken(std::size_t bytes) { held_ -= bytes; }

 private:
  Pipe(int source, int sink) : source_(source), sink_(sink) {}

  int source_;
  int sink_;
  std::size_t held_ = 0;
};

}  // namespace sluice
