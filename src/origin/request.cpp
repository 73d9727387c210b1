#include "origin/request.hpp"

#include "origin/toolkit/units.hpp"

namespace sluice::origin {
namespace {

using toolkit::Field;
using toolkit::same_token;

bool read_request_line(std::string_view line, Request& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == 0 || last <= first + 1) return false;
  const auto version = line.substr(last + 1);
  if (version.size() != 8 || !version.starts_with("HTTP/1.")) return false;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  request.minor = version[7] == '0' ? 0 : 1;
  request.keep_alive = request.minor == 1;
  return true;
}

void read_connection(std::string_view value, Request& request) {
  if (toolkit::list_has(value, "close"))
    request.keep_alive = false;
  else if (toolkit::list_has(value, "keep-alive"))
    request.keep_alive = true;
}

// Only names of an interesting length are compared: on a usual head that is almost none.
bool read_field(const Field& field, Request& request) {
  switch (field.name.size()) {
    case 6:
      if (same_token(field.name, "expect"))
        request.expects_continue = same_token(field.value, "100-continue");
      break;
    case 7:
      if (same_token(field.name, "upgrade"))
        request.wants_websocket = toolkit::list_has(field.value, "websocket");
      break;
    case 8:
      if (same_token(field.name, "x-origin")) request.wants_echo = same_token(field.value, "echo");
      break;
    case 10:
      if (same_token(field.name, "connection")) read_connection(field.value, request);
      break;
    case 14:
      if (same_token(field.name, "content-length")) {
        const auto length = toolkit::parse_number(field.value);
        if (!length) return false;
        request.length = *length;
        request.has_length = true;
      }
      break;
    case 17:
      if (same_token(field.name, "transfer-encoding"))
        request.chunked = toolkit::list_has(field.value, "chunked");
      break;
    default: break;
  }
  return true;
}

}  // namespace

Scan scan_request(std::string_view input, Request& request) {
  request = Request{};
  std::string_view rest = input;
  std::string_view line;
  do {  // an empty line before the request is a leftover of the message before
    if (!toolkit::next_line(rest, line)) return Scan::incomplete;
  } while (line.empty());
  if (!read_request_line(line, request)) return Scan::malformed;
  const char* const fields = rest.data();
  for (;;) {
    const char* const line_start = rest.data();
    if (!toolkit::next_line(rest, line)) return Scan::incomplete;
    if (line.empty()) {
      request.fields = {fields, static_cast<std::size_t>(line_start - fields)};
      request.head_bytes = input.size() - rest.size();
      return Scan::complete;
    }
    const auto field = toolkit::split_field(line);
    if (!field || !read_field(*field, request)) return Scan::malformed;
  }
}

Target split_target(std::string_view target) {
  if (const auto scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
    const auto path = target.find_first_of("/?", scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const auto question = target.find('?');
  if (question == std::string_view::npos) return {target, {}};
  return {target.substr(0, question), target.substr(question + 1)};
}

std::string_view find_field(std::string_view fields, std::string_view lower_name) {
  std::string_view value;
  for_each_field(fields, [&](const Field& field) {
    if (value.empty() && same_token(field.name, lower_name)) value = field.value;
  });
  return value;
}

}  // namespace sluice::origin
