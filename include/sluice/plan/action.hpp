// What is done with a request once it is known where it leads.
#pragma once

#include "sluice/http/reply.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <cstdint>
#include <variant>

namespace sluice::plan {

// Asks a server of a pool.
struct Forward {
  std::uint32_t pool = 0;  // index in Plan::pools
  upstream::Limits limits;
};

// 308 to the same address by https, at the port where TLS is served.
struct RedirectToHttps {};

// The same answer for everybody.
struct Fixed {
  http::Reason reason;
  http::Then then = http::Then::keep;  // what becomes of the connection
};

using Action = std::variant<Forward, RedirectToHttps, Fixed>;

}  // namespace sluice::plan
