// Chunked transfer coding, RFC 9112 §7.1, decoded strictly and in place. No I/O.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/buffer.hpp"
#include "sluice/base/error.hpp"
#include "sluice/http/body.hpp"
#include "sluice/http1/head.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http1 {

class ChunkDecoder {
 public:
  // Takes what it can from the front of `in`. `data`: `piece` points at payload inside `in`'s memory,
  // consumed already, and valid until more is read into it. `wait`: `in` must grow first.
  http::BodyStep decode(Buffer& in, Arena& arena, std::string_view& piece);

  const http::Fields& trailers() const { return trailers_; }
  // Why it failed.
  Rule rule() const { return rule_; }

 private:
  enum class State : std::uint8_t { size, data, data_end, trailers, done, failed };

  // Size lines with their extensions: senders have no business with long ones, and floods of them are an
  // attack (1 byte of payload in kilobytes of extension).
  static constexpr std::size_t kLongestLine = 256;
  static constexpr std::uint64_t kExtensionBudget = 16 * 1024;
  static constexpr const http::HeadLimits& kTrailers = http::kTrailerLimits;

  Rule take_size_line(std::string_view line);
  http::BodyStep take_size(Buffer& in);
  http::BodyStep take_trailers(Buffer& in, Arena& arena);
  http::BodyStep fail(Rule rule);

  State state_ = State::size;
  Rule rule_ = Rule::none;
  std::uint64_t left_ = 0;             // payload bytes of the current chunk
  std::uint64_t extension_bytes_ = 0;  // in all size lines so far
  HeadScanner scanner_;
  http::Fields trailers_;
};

}  // namespace sluice::http1
