// The framing guard: heads of HTTP/1 messages, taken apart by one strict pass. What this lets through is read
// the same way by every careful parser; whatever RFC 9112 calls invalid, or two parsers could read
// differently, is an error. Nothing is repaired, but for what the RFC prescribes (docs/http1.md lists each
// rule).
//
// Pure functions on complete heads; no I/O.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/error.hpp"
#include "sluice/http/message.hpp"
#include "sluice/http/service.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http1 {

// Looks for the end of a head in bytes that arrive piece by piece, each byte once.
class HeadScanner {
 public:
  enum class State : std::uint8_t { incomplete, complete, malformed };

  // `bytes` is everything received so far, from the start line on. Malformed: a line feed without its
  // carriage return, or with two. When complete, size() is the head's length with the empty line.
  State scan(std::string_view bytes);
  std::size_t size() const { return size_; }
  // When malformed, which of them it was.
  Rule rule() const { return rule_; }
  // Bytes of the start line with its line break; 0 until that has come.
  std::size_t first_line() const { return first_line_; }
  void reset() { *this = HeadScanner{}; }

 private:
  State take_line(const char* begin, std::size_t index);

  std::size_t scanned_ = 0;
  std::size_t line_end_ = 0;  // just after the last line feed seen
  std::size_t first_line_ = 0;
  std::size_t size_ = 0;
  Rule rule_ = Rule::none;
};

// Empty lines before a request: some clients end a body with one too many (RFC 9112 §2.2). More than a few
// are noise.
inline constexpr std::uint8_t kMostEmptyLines = 4;
// How many bytes of them `bytes` begins with; `passed` counts the lines of one request, however they come.
inline std::size_t empty_lines(std::string_view bytes, std::uint8_t& passed) {
  std::size_t size = 0;
  for (; passed < kMostEmptyLines && bytes.substr(size, 2) == "\r\n"; ++passed)
    size += 2;
  return size;
}

// What a start line that is not whole yet has broken already: catches TLS, SSH and noise at their first bytes
// instead of at a timeout.
Rule check_request_start(std::string_view bytes);

// The same of a status line.
Rule check_response_start(std::string_view bytes);

// A request line that has come to its line break while the rest of the head has not.
Error check_request_line(std::string_view line, Arena& arena);

// `head` ends with its empty line and lives in `arena`; the views in `out` point into it.
Error parse_request(std::string_view head, Arena& arena, const http::HeadLimits& limits,
                    http::RequestHead& out);

// `method` is the request's. `out.framing` is what the fields say; whether a body follows also depends on the
// status and on HEAD (http::bodiless).
Error parse_response(std::string_view head, Arena& arena, const http::HeadLimits& limits, http::Method method,
                     http::ResponseHead& out);

// Trailer fields up to and with the empty line. Fields that frame, route, authenticate or modify a message
// (RFC 9110 §6.5.1) are malformed there.
Error parse_trailers(std::string_view section, Arena& arena, const http::HeadLimits& limits,
                     http::Fields& out);

}  // namespace sluice::http1
