// The command line of sluice-origin.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::origin {

struct Options {
  std::vector<std::string> listen;
  std::string name;
  std::string pool;
  std::string color;
  std::string certificate;  // with `key`: serve TLS
  std::string key;
  std::size_t body_size = 100;
  std::chrono::nanoseconds keepalive_timeout = std::chrono::seconds(75);
  std::uint64_t seed = 1;  // of random delays
  bool help = false;
};

// Throws toolkit::UsageError.
Options read_options(int argc, char** argv);

extern const std::string_view help_text;

}  // namespace sluice::origin
