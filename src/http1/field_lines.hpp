// What heads and trailers are made of, after their start line: field lines, and what some of them say about
// the message. The parts of the framing guard that requests and responses share.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/rule.hpp"
#include "sluice/http/message.hpp"
#include "sluice/http/syntax.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace sluice::http1 {

// A place in a head that is known to end with an empty line: as long as `at` is not `end`, a carriage return
// is still to come, and stops every look-ahead.
struct Cursor {
  const char* at;
  const char* end;

  std::string_view take_while(std::uint8_t what) {
    const char* from = at;
    while (http::is(*at, what))
      ++at;
    return {from, static_cast<std::size_t>(at - from)};
  }
  std::string_view take_value() { return take_up_to(http::end_of_value(at, end)); }
  std::string_view take_word() { return take_up_to(http::end_of_word(at, end)); }
  std::string_view take_up_to(const char* stop) {
    const char* const from = std::exchange(at, stop);
    return {from, static_cast<std::size_t>(stop - from)};
  }
  bool skip(char c) {
    if (*at != c) return false;
    ++at;
    return true;
  }
  bool skip_crlf() {
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return false;
    at += 2;
    return true;
  }
};

// Field lines up to and with the empty line.
Rule parse_fields(Cursor& cursor, Arena& arena, std::uint32_t limit, http::Fields& out);

// What Content-Length and Transfer-Encoding say together; RFC 9112 §6.
Rule parse_framing(const http::Fields& fields, std::uint8_t minor, http::Framing& framing,
                   std::uint64_t& length);

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

// Refused: more options than http::drop_hop_by_hop looks at.
Rule parse_connection(const http::Fields& fields, ConnectionOptions& out);

constexpr bool keeps_alive(const ConnectionOptions& options, std::uint8_t minor) {
  if (options.close) return false;
  return minor == 1 || options.keep_alive;
}

// "HTTP/1.1" and "HTTP/1.0"; any other "HTTP/D.D" is another version, and anything else is none.
Rule parse_version(Cursor& cursor, std::uint8_t& minor);

}  // namespace sluice::http1
