// How servers are asked whether they are well, and which answers count: what the operator wrote, as values.
#pragma once

#include "sluice/base/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::upstream {

// What stands for the tenant's name in header values, `body` and strings of `json`.
inline constexpr std::string_view kTenantPlaceholder = "{tenant}";
// How much of a response's body is read; `body`, `body_regex` and `json` see no more.
inline constexpr std::size_t kMaxCheckedBody = 65'536;

// Both included; 100..599.
struct StatusRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
};

// One value that a JSON response must hold, found by object keys from the outermost.
struct JsonExpectation {
  std::vector<std::string> path;  // never empty, nor any of its parts
  std::variant<std::nullptr_t, bool, double, std::string> value;
};

// When a response means "healthy"; all that is set must hold.
struct Expect {
  std::vector<StatusRange> status{{200, 399}};
  std::optional<std::string> body;        // contained in the body
  std::optional<std::string> body_regex;  // RE2, found anywhere in the body; compiles
  std::vector<JsonExpectation> json;
};

enum class CheckType : std::uint8_t { http, https, tcp };

// With CheckType::tcp the members from `path` to `expect` mean nothing.
struct CheckRules {
  CheckType type = CheckType::http;
  std::uint16_t port = 0;  // 0: the server's own
  Nanos interval = 2'000'000'000;
  double jitter = 10;             // percent of the interval, to either side
  Nanos timeout = 1'000'000'000;  // for the whole check; at most the interval
  std::uint32_t rise = 2;         // passes in a row until up
  std::uint32_t fall = 3;         // failures in a row until down
  bool starts_up = false;         // until the first verdict
  std::string path = "/";         // with a query where written
  std::string method = "GET";
  std::string host;  // "name", "name:port"; empty: the tenant's, or the server's own
  std::vector<std::pair<std::string, std::string>> headers;
  Expect expect;
};

}  // namespace sluice::upstream
