// Addresses as text: what may be listened on, what may be connected to, which blocks are trusted.
#pragma once

#include "config/text.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::config {

enum class Role : std::uint8_t {
  listener,  // an IP address, or none for all of them; port 0 lets the system choose
  admin,     // as a listener, and out of reach of other machines
  server,    // an IP address or a host name; port 1..65535
};

// "host:port", "[v6]:port", ":port" or "unix:/path" in one canonical form, equal for equal addresses.
Parsed<std::string> parse_address(std::string_view text, Role role);

// A server of names: an IP address, with a port other than 53 as "1.2.3.4:5353" or "[v6]:5353". The result
// has the port.
Parsed<std::string> parse_name_server(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32" or a single address; bits beyond the prefix must be zero.
Parsed<std::string> parse_block(std::string_view text);

}  // namespace sluice::config
