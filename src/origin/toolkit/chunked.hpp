// The chunked transfer coding, read incrementally: bytes in as they come, stretches of body out, nothing
// copied but the trailers.
#pragma once

#include "origin/toolkit/units.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::toolkit {

class ChunkedDecoder {
 public:
  // Consumes from the front of `in` and returns the next stretch of body, a view into `in`. Empty: it needs
  // more input, or the body is done() or broken(). What remains in `in` after done() is the next message's.
  std::string_view next(std::string_view& in);

  bool done() const { return state_ == State::done; }
  bool broken() const { return state_ == State::broken; }

  // The trailer section as received, one field a line. Complete when done().
  std::string_view trailers() const { return trailers_; }

 private:
  enum class State : unsigned char { size, extension, data, data_end, trailer, done, broken };

  void take_framing(char c);
  void take_trailer(char c);
  void end_size_line();

  static constexpr std::size_t max_trailers = 64 * KiB;

  State state_ = State::size;
  bool has_digit_ = false;
  std::uint64_t remaining_ = 0;
  std::string trailers_;
  std::size_t trailer_line_ = 0;  // where the current trailer line starts
};

}  // namespace sluice::toolkit
