// Parsing a head in a test: in memory of exactly its size, so that a look beyond its end is seen.
#pragma once

#include "sluice/http1/head.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

namespace sluice::test {

struct ParsedRequest {
  explicit ParsedRequest(std::string_view head, http::HeadLimits limits = {}) : text(new char[head.size()]) {
    std::memcpy(text.get(), head.data(), head.size());
    error = http1::parse_request({text.get(), head.size()}, arena, limits, request);
  }
  std::unique_ptr<char[]> text;
  Arena arena;
  http::RequestHead request;
  Error error;
};

struct ParsedResponse {
  explicit ParsedResponse(std::string_view head, http::Method method = http::Method::get,
                          http::HeadLimits limits = {})
      : text(new char[head.size()]) {
    std::memcpy(text.get(), head.data(), head.size());
    error = http1::parse_response({text.get(), head.size()}, arena, limits, method, response);
  }
  std::unique_ptr<char[]> text;
  Arena arena;
  http::ResponseHead response;
  Error error;
};

// What is said of a request as a whole: by the scanner, which finds its end, and then by the parser.
inline Rule rule_of_request(std::string_view head) {
  http1::HeadScanner scanner;
  if (scanner.scan(head) == http1::HeadScanner::State::malformed) return scanner.rule();
  return ParsedRequest(head).error.rule;
}
inline Rule rule_of_response(std::string_view head, http::Method method = http::Method::get) {
  http1::HeadScanner scanner;
  if (scanner.scan(head) == http1::HeadScanner::State::malformed) return scanner.rule();
  return ParsedResponse(head, method).error.rule;
}
inline ErrorKind judge_request(std::string_view head) {
  http1::HeadScanner scanner;
  if (scanner.scan(head) != http1::HeadScanner::State::complete || scanner.size() != head.size()) {
    return ErrorKind::malformed;
  }
  const Error error = ParsedRequest(head).error;
  CHECK((error.rule != Rule::none) == static_cast<bool>(error));
  return error.kind;
}
inline ErrorKind judge_response(std::string_view head, http::Method method = http::Method::get) {
  http1::HeadScanner scanner;
  if (scanner.scan(head) != http1::HeadScanner::State::complete || scanner.size() != head.size()) {
    return ErrorKind::malformed;
  }
  const Error error = ParsedResponse(head, method).error;
  CHECK((error.rule != Rule::none) == static_cast<bool>(error));
  return error.kind;
}

// For a message when a check fails.
inline std::string visible(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr char kDigits[] = "0123456789abcdef";
    if (byte >= ' ' && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

// A NUL in the middle of a text.
inline std::string nul(std::string_view before, std::string_view after) {
  return std::string(before) + '\0' + std::string(after);
}

inline void expect_request_refused(const std::string& head, ErrorKind kind = ErrorKind::malformed) {
  INFO(visible(head));
  CHECK(judge_request(head) == kind);
}

}  // namespace sluice::test
