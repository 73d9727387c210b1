// How one request asks to be treated: the query parameters of `sluice-origin --help`, read.
#pragma once

#include "origin/delay.hpp"
#include "origin/toolkit/units.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::origin {

// A known parameter with a value that makes no sense: answered with 400 and this text, for a test that
// misspells must not pass by accident. Unknown parameters are the application's own and mean nothing here.
class BadParameter : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What happens once a number of body bytes has been sent.
enum class Ending { complete, reset, cut, stall };

struct Behaviour {
  Delay delay;
  unsigned status = 200;
  unsigned interim = 0;
  std::optional<std::uint64_t> size;
  std::uint64_t chunk = 16 * toolkit::KiB;
  std::uint64_t slow = 0;       // bytes per second sent, 0: at once
  std::uint64_t slow_read = 0;  // bytes per second read of the request body
  bool chunked = false;
  bool trailers = false;
  bool close = false;
  bool never = false;
  bool early = false;
  bool garbage = false;
  bool echo = false;
  bool reset = false;
  bool cut = false;
  Ending ending = Ending::complete;
  std::uint64_t ending_after = 0;
  std::vector<std::string> headers;  // "Name: value", added to the answer
};

// Throws BadParameter.
Behaviour read_behaviour(std::string_view query);

}  // namespace sluice::origin
