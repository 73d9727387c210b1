// A WebSocket that says back what it hears (RFC 6455).
#pragma once

#include "origin/request.hpp"
#include "origin/stream.hpp"
#include "origin/task.hpp"

#include <string>

namespace sluice::origin {

// Why the request may not become a WebSocket; empty when it may.
std::string websocket_objection(const Request& request);

// Accepts the upgrade and echoes until either side closes. Frame by frame: a fragmented message comes back
// with the same fragments, and a frame of any length passes through without being held whole.
Task<> echo_websocket(Stream& stream, const Request& request);

}  // namespace sluice::origin
