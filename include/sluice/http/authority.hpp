// Host names on the wire: validated and normalised before they mean anything (RFC 3986 §3.2, RFC 9110 §7.2).
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/rule.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

struct Authority {
  std::string_view host;   // lower case, no trailing dot; IPv6 in brackets
  std::uint16_t port = 0;  // 0: none given
};

inline constexpr std::size_t kLongestHost = 253;
// With a dot after it, and a port.
inline constexpr std::size_t kLongestAuthority = kLongestHost + 1 + 6;

// "host", "host:port", "[v6]:port". The rule that is broken by anything else: user information,
// percent-encoding, empty labels, labels over 63 or names over 253 bytes, bytes outside [a-z0-9._-], a port
// that is not 1..65535.
Rule parse_authority(std::string_view text, Arena& arena, Authority& out);

}  // namespace sluice::http
