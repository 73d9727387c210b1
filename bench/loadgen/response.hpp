// Reads one HTTP/1.1 response as its bytes arrive, keeping nothing of it but what decides success.
#pragma once

#include "origin/toolkit/chunked.hpp"
#include "origin/toolkit/units.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

class ResponseReader {
 public:
  // Begins a new response. The answer to HEAD has no body whatever its fields say.
  void start(bool to_head_request);

  // Consumes what belongs to the response off the front of `input`.
  void feed(std::string_view& input);

  // The connection has ended: with a body that runs until then, properly.
  void end_of_stream() {
    if (state_ == State::until_close) state_ = State::done;
  }

  // Body bytes known to follow, which may be thrown away unseen; tell how many were.
  std::uint64_t discardable() const { return state_ == State::length ? remaining_ : 0; }
  void discarded(std::uint64_t bytes) {
    remaining_ -= bytes;
    if (remaining_ == 0) state_ = State::done;
  }

  bool done() const { return state_ == State::done; }
  bool broken() const { return state_ == State::broken; }
  bool has_head() const { return state_ > State::head && state_ != State::broken; }
  unsigned status() const { return status_; }
  bool keeps_alive() const { return keep_alive_; }

 private:
  enum class State : unsigned char { head, length, chunked, until_close, done, broken };

  // Takes a head off `input`. False when it is not complete.
  bool take_head(std::string_view& input);
  bool read_status_line(std::string_view line);
  bool read_fields(std::string_view fields);
  void choose_framing();

  static constexpr std::size_t max_head = 256 * toolkit::KiB;

  State state_ = State::head;
  bool to_head_request_ = false;
  bool keep_alive_ = true;
  bool is_chunked_ = false;
  bool has_length_ = false;
  unsigned status_ = 0;
  std::uint64_t remaining_ = 0;
  std::string partial_head_;
  toolkit::ChunkedDecoder chunks_;
};

}  // namespace sluice::bench
