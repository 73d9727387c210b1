// Requests from a file, for --requests.
//
// One request a line: a method, a target, and fields, each behind a bar that stands between blanks:
//
//   GET  /search?q=chairs | Accept-Language: de | Cookie: session=1
//   POST /orders | Content-Length: 512
//
// `Host` overrides the run's host, `Content-Length` asks for a body of so many bytes. Empty lines and lines
// that begin with # mean nothing.
#pragma once

#include "loadgen/request_spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

// `name` is what errors call the text. Throws toolkit::UsageError with the line, also when there is no
// request.
std::vector<RequestSpec> parse_requests(std::string_view text, std::string_view name);

// Throws std::runtime_error when the file cannot be read, and as parse_requests() does.
std::vector<RequestSpec> read_requests(const std::string& path);

}  // namespace sluice::bench
