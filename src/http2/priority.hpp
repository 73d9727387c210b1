// Extensible priorities: RFC 9218. What a client says about the order it wants responses in.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::http2 {

struct Priority {
  std::uint8_t urgency = 3;  // 0 (first) .. 7
  // Whether pieces are of use to the client, so that equals take turns; otherwise one is finished before the
  // next. The default differs from RFC 9218's: a client that says nothing about priorities gets fair shares.
  bool incremental = true;
  bool operator==(const Priority&) const = default;
};

// The value of a `priority` field or of a PRIORITY_UPDATE frame (a Structured Field dictionary, RFC 8941).
// Members that are unknown, out of range or malformed change nothing; a client that says anything at all is
// taken to know that not incremental is the default.
Priority parse_priority(std::string_view value);

}  // namespace sluice::http2
