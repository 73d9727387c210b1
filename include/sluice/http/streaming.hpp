// Responses that declare themselves streams: they say something when there is something to say. Between two
// words such a stream may be silent for as long as a tunnel (kTunnelSilence).
#pragma once

#include "sluice/http/message.hpp"

namespace sluice::http {

// By Content-Type (docs/http1.md lists which), or by `X-Accel-Buffering: no`; never with Content-Length: who
// knows the length does not wait for events.
bool is_stream(const ResponseHead& head);

}  // namespace sluice::http
