// Who this origin says it is, at one of its addresses.
#pragma once

#include "origin/toolkit/socket.hpp"

#include <ctime>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace sluice::origin {

struct Identity {
  std::string name;
  std::string pool;
  std::string color;
  toolkit::Address address;

  boost::json::object to_json() const;

  // Response fields that say who answered, line ends included. Only what the command line gave: a benchmark's
  // replies stay as small as they were asked to be.
  std::string fields() const;

  // The default body: who this is, filled up or cut to exactly `size` bytes.
  std::string body(std::size_t size) const;
};

// The Date field's line, kept per second, for HTTP asks every origin with a clock to send one.
std::string_view date_line();

}  // namespace sluice::origin
