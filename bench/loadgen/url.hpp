// The URL under test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

struct Url {
  bool tls = false;
  std::string host;  // without brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query
  std::string authority;     // as the Host field says it: without the scheme's own port
};

// "http[s]://host[:port][/path]". Throws toolkit::UsageError.
Url parse_url(std::string_view text);

}  // namespace sluice::bench
