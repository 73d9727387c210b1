// A request as the user described it, before it is given a protocol's form.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::bench {

struct RequestSpec {
  std::string method = "GET";
  std::string target = "/";
  std::string host;                  // empty: the run's
  std::vector<std::string> headers;  // "Name: value"
  std::uint64_t body_size = 0;       // bytes
};

}  // namespace sluice::bench
