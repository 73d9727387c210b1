// Why a request has no proper answer.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::bench {

enum class Failure : unsigned char {
  connect,     // no TCP connection
  local,       // none, because this machine had no port, descriptor or memory left for it
  tls,         // no TLS on it, or not the application protocol asked for
  reset,       // connection or stream broken before the answer's head was complete
  closed,      // connection ended properly, but without an answer
  refused,     // HTTP/2: not processed (REFUSED_STREAM, or beyond what a GOAWAY covers)
  timeout,     // no complete answer in time
  short_body,  // ended or broken within the answer's body
  protocol,    // not what HTTP allows, or more than was asked for
};

constexpr std::size_t failure_kinds = 9;

std::string_view name_of(Failure failure);

}  // namespace sluice::bench
