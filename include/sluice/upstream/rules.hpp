// What is done where servers fail or are full: what the operator wrote, as values that are ready to be asked.
// Times are in nanoseconds; ranges are those of the configuration, which has been checked.
#pragma once

#include "sluice/base/clock.hpp"

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::upstream {

// Status codes, 100..599.
class StatusSet {
 public:
  void add(std::uint16_t low, std::uint16_t high) {  // both included
    for (std::uint16_t status = low; status <= high; ++status)
      codes_.set(status - kFirst);
    any_ = true;
  }
  bool covers(std::uint16_t status) const {
    return any_ && status >= kFirst && status < kFirst + kCount && codes_.test(status - kFirst);
  }
  bool empty() const { return !any_; }

 private:
  static constexpr std::uint16_t kFirst = 100;
  static constexpr std::uint16_t kCount = 500;
  std::bitset<kCount> codes_;
  bool any_ = false;
};

// Which outcomes of a try at a server count as failed.
struct Failures {
  bool connect = false;  // no connection
  bool reset = false;    // the connection ended before a byte of the response
  bool timeout = false;  // no byte of the response in time
  StatusSet statuses;
};

struct RetryRules {
  std::uint32_t attempts = 2;  // tries altogether, 1..10
  Failures on{.connect = true, .reset = true, .timeout = false, .statuses = {}};
  double budget = 20;              // percent of requests that may be retried
  std::uint32_t budget_min = 10;   // retries in a second that are always allowed
  Nanos per_try_timeout = 0;       // until the first byte of a response; 0: none
  std::uint32_t body = 64 * 1024;  // bytes of a request's body kept for a further try
};

// When a server is taken out for what its traffic shows.
struct OutlierRules {
  std::uint32_t consecutive_errors = 5;  // 0: off
  double error_rate = 0;                 // percentage points above the pool's mean; 0: off
  std::uint32_t min_requests = 50;       // of a server in `interval`, for its rate to count
  Nanos interval = 10'000'000'000;       // over which rates are taken
  Nanos ejection = 10'000'000'000;       // the first; each further one is longer by as much
  Nanos ejection_max = 300'000'000'000;
  double max_ejected = 50;  // percent of the pool's servers
  Failures errors{.connect = true, .reset = true, .timeout = true, .statuses = {}};
};

enum class PanicThen : std::uint8_t { refuse, all };

// What to do when too few servers are well.
struct PanicRules {
  double below = 0;  // percent of servers that are healthy; 0: only when none is
  PanicThen then = PanicThen::refuse;
};

// Requests that wait while every server is full.
struct QueueRules {
  std::uint32_t size = 0;
  Nanos timeout = 5'000'000'000;
};

enum class SameSite : std::uint8_t { lax, strict, none };
enum class SecureCookie : std::uint8_t { automatic, always, never };  // automatic: where the client has TLS

// A cookie that brings a client back to its server.
struct StickyRules {
  std::string cookie;         // its name
  std::uint64_t max_age = 0;  // seconds; 0: until the browser is closed
  std::string secret;         // of the cookie's values; empty: none
  std::string path = "/";
  SameSite same_site = SameSite::lax;
  SecureCookie secure = SecureCookie::automatic;
};

struct Rules {
  RetryRules retry;
  std::optional<OutlierRules> outlier;
  PanicRules panic;
  std::optional<QueueRules> queue;
  std::optional<StickyRules> sticky;
};

}  // namespace sluice::upstream
