// What a WebSocket's opening has in HTTP/1.1 and not in HTTP/2: key and answer, RFC 6455 §4, RFC 8441 §5.
#pragma once

#include "sluice/base/arena.hpp"

#include <string_view>

namespace sluice::http2 {

inline constexpr std::string_view kWebSocketKey = "Sec-WebSocket-Key";
inline constexpr std::string_view kWebSocketAccept = "Sec-WebSocket-Accept";

// A fresh key: 16 random bytes in Base64.
std::string_view make_websocket_key(Arena& arena);
// What a server answers to it.
std::string_view websocket_accept(std::string_view key, Arena& arena);

}  // namespace sluice::http2
