// A tolerant reader of request heads. Tolerant on purpose: what a proxy lets through must arrive here and be
// reported, not be refused a second time.
#pragma once

#include "origin/toolkit/http_text.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::origin {

struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view fields;  // raw lines, line ends included, without the empty line behind them
  std::size_t head_bytes = 0;
  unsigned minor = 1;  // HTTP/1.minor
  bool keep_alive = true;
  bool chunked = false;
  bool has_length = false;
  bool expects_continue = false;
  bool wants_websocket = false;
  bool wants_echo = false;
  std::uint64_t length = 0;

  bool has_body() const { return chunked || length > 0; }
};

enum class Scan { incomplete, complete, malformed };

// Reads one head from the front of `input`; the request's views point into it.
Scan scan_request(std::string_view input, Request& request);

// The target's path and query. An absolute-form target loses its scheme and authority.
struct Target {
  std::string_view path;
  std::string_view query;
};
Target split_target(std::string_view target);

// The first value of a field, or nothing.
std::string_view find_field(std::string_view fields, std::string_view lower_name);

// Calls visit(toolkit::Field) for every line of a field or trailer section that is a field.
template <class Visit>
void for_each_field(std::string_view fields, Visit visit) {
  std::string_view line;
  while (toolkit::next_line(fields, line))
    if (const auto field = toolkit::split_field(line)) visit(*field);
}

}  // namespace sluice::origin
