// What an HTTP/1 connection of a client needs only while a request is under way.
#pragma once

#include "sluice/base/buffer.hpp"
#include "sluice/http1/server.hpp"

#include "http1/body_reader.hpp"

namespace sluice::http1 {

// Bytes moved for one exchange before others get their turn.
inline constexpr std::uint64_t kTurn = 512 * 1024;

struct ServerConnection::Session {
  http::Exchange exchange;
  Buffer in;
  BodyReader body;
  HeadScanner scanner;
  bool line_checked = false;  // the request line, before the head was whole
  http::ServerSettings settings;

  void reset() {
    exchange.reset();
    scanner.reset();
    line_checked = false;
  }
};

}  // namespace sluice::http1
