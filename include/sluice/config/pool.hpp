// What the operator wrote about a group of servers. Plain values.
#pragma once

#include "sluice/config/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::config {

struct Server {
  Located<std::string> address;  // "host:port", "[v6]:port", "unix:/path"; host may be a name; canonical
  std::uint32_t weight = 1;      // 1..1000
};

// TLS towards the servers of a pool.
struct PoolTls {
  bool verify = true;
  std::optional<Located<std::string>> ca;  // PEM file, absolute after load(); unset: the system's
  std::string server_name;                 // canonical; empty: each server's own name
};

struct Pool {
  std::string name;
  Position at;
  std::vector<Server> servers;
  bool h2 = false;             // `protocol: h2`
  std::optional<PoolTls> tls;  // unset: in the clear
  Timeouts timeouts;
};

}  // namespace sluice::config
