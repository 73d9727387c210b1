// What happens when servers fail: taking them out, panic, further tries.
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// One word of a list of failures. `flag` or `statuses` is what it stands for.
struct Failure {
  bool Failures::*flag = nullptr;
  StatusRange statuses;
};

struct FailureWords {
  Choices choices;
  std::span<const Failure> failures;  // as choices.now
};

constexpr Failure kConnect{&Failures::connect, {}};
constexpr Failure kReset{&Failures::reset, {}};
constexpr Failure kTimeout{&Failures::timeout, {}};
constexpr Failure status(std::uint16_t low, std::uint16_t high) { return {nullptr, {low, high}}; }

constexpr std::array<std::string_view, 8> kOutlierNames{"connect", "reset", "timeout", "500",
                                                        "502",     "503",   "504",     "5xx"};
constexpr std::array kOutlierFailures{kConnect,         kReset,           kTimeout,         status(500, 500),
                                      status(502, 502), status(503, 503), status(504, 504), status(500, 599)};
constexpr FailureWords kOutlierWords{{kOutlierNames, {}}, kOutlierFailures};

constexpr std::array<std::string_view, 8> kRetryNames{"connect", "reset", "timeout", "429",
                                                      "500",     "502",   "503",     "504"};
constexpr std::array kRetryFailures{kConnect,         kReset,           kTimeout,         status(429, 429),
                                    status(500, 500), status(502, 502), status(503, 503), status(504, 504)};
constexpr FailureWords kRetryWords{{kRetryNames, {}}, kRetryFailures};

void read_failures(const Cursor& at, const FailureWords& words, Failures& out) {
  out = {};
  std::array<std::optional<Position>, 8> seen;
  read_list(at, [&](const Cursor& item) {
    const auto index = read_choice(item, words.choices);
    if (!index) return;
    if (seen[*index]) {
      item.error("stands in the list already, at " + at.context().where(*seen[*index]));
      return;
    }
    seen[*index] = item.at();
    const Failure& failure = words.failures[*index];
    if (failure.flag != nullptr) {
      out.*failure.flag = true;
    } else {
      out.statuses.push_back(failure.statuses);
    }
  });
}

void read_errors(const Cursor& at, Outlier& out) {
  read_failures(at, kOutlierWords, out.errors);
  if (at.node().kind == Kind::list && at.children().empty())
    at.error("the list is empty; leave the key out instead");
}

void read_on(const Cursor& at, Retry& out) {
  read_failures(at, kRetryWords, out.on);
  if (at.node().kind == Kind::list && at.children().empty()) {
    at.error("the list is empty; for no further tries write \"retry: off\" on the pool");
  }
}

constexpr std::array kOutlierKeys{
    Key<Outlier>{{"consecutive_errors", "whole number", "5",
                  "Errors in a row at which a server is ejected, up to 1000; 0 for never."},
                 &set<&Outlier::consecutive_errors, whole<0, 1000>>},
    Key<Outlier>{{"error_rate", "percentage", "0",
                  "Percentage points above the mean of the pool's servers at which one is ejected: with 20, "
                  "a server with 25 % errors among others with 3 %. 0 for never."},
                 &set<&Outlier::error_rate, percentage<0, 100>>},
    Key<Outlier>{{"min_requests", "whole number", "50",
                  "Requests a server must have had in `interval` for its rate to count, 1 to 1000000."},
                 &set<&Outlier::min_requests, whole<1, 1'000'000>>},
    Key<Outlier>{{"interval", "duration", "10s", "Time over which rates are taken, 1s to 1h."},
                 &set<&Outlier::interval, duration<1000, kHour>>},
    Key<Outlier>{{"errors", "list", "[connect, reset, timeout, 502, 503, 504]",
                  "What counts: `connect`, `reset` (the connection ended before the response), `timeout`, "
                  "responses `500`, `502`, `503`, `504`, or `5xx` for all of 500 to 599."},
                 &read_errors},
    Key<Outlier>{{"ejection", "duration", "10s",
                  "Time a server is out at first, 100ms to 24h; each further time in a row is longer by as "
                  "much."},
                 &set<&Outlier::ejection, duration<100, kDay>>},
    Key<Outlier>{{"ejection_max", "duration", "`5m`, or `ejection` if that is longer",
                  "The longest that a server is out, up to 24h; not below `ejection`."},
                 &set<&Outlier::ejection_max, duration<100, kDay>>},
    Key<Outlier>{{"max_ejected", "percentage", "50",
                  "Share of the pool's servers that may be out at a time, 0 to 100; 0 ejects none."},
                 &set<&Outlier::max_ejected, percentage<0, 100>>}};

constexpr std::array<std::string_view, 2> kThenWords{"refuse", "all"};
constexpr Choices kThens{kThenWords, {}};

constexpr std::array kPanicKeys{
    Key<Panic>{{"below", "percentage", "0",
                "Share of healthy servers below which the pool is in panic, 0 to 100; 0 means when none is "
                "healthy."},
               &set<&Panic::below, percentage<0, 100>>},
    Key<Panic>{{"then", "`refuse` or `all`", "refuse",
                "What a pool in panic does: answer 503, or use all servers as if they were healthy."},
               &set<&Panic::then, choice<PanicThen, kThens>>}};

constexpr std::array kRetryKeys{
    Key<Retry>{{"attempts", "whole number", "2", "Tries altogether, the first included, 1 to 10."},
               &set<&Retry::attempts, whole<1, 10>>},
    Key<Retry>{
        {"on", "list", "[connect, reset]",
         "After what a further try is made: `connect` (no connection came about), `reset` (the connection "
         "ended before the response), `timeout` (no response within `per_try_timeout`, or `first_byte` of "
         "the time limits), responses `429`, `500`, `502`, `503` or `504`."},
        &read_on},
    Key<Retry>{{"budget", "percentage", "20",
                "Further tries in proportion to the pool's requests, 0 to 100; when it is used up, failures "
                "stand. It keeps retries from adding to an overload."},
               &set<&Retry::budget, percentage<0, 100>>},
    Key<Retry>{{"budget_min", "whole number", "10",
                "Further tries per second that are allowed whatever `budget` says, 0 to 1000000."},
               &set<&Retry::budget_min, whole<0, 1'000'000>>},
    Key<Retry>{
        {"per_try_timeout", "duration", "none",
         "Time for each try until the first byte of its response, 1ms to 24h; needs `timeout` in `on`."},
        &set<&Retry::per_try_timeout, duration<1, kDay>>},
    Key<Retry>{{"body", "size", "64KiB",
                "How much of a request's body is kept for a further try, up to 1MiB; a request that has sent "
                "more is not tried again."},
               &set<&Retry::body, size<0, kMiB>>}};

// What only concerns rates is a mistake without one.
void require_rate(const Cursor& at, const Outlier& outlier) {
  if (outlier.error_rate > 0) return;
  if (outlier.consecutive_errors == 0) {
    at.error_at_key(
        "nothing would eject a server: set \"consecutive_errors\" or \"error_rate\", or write \"off\"");
    return;
  }
  for (const std::string_view key : {"min_requests", "interval"}) {
    if (const auto written = at.find(key)) {
      written->error_at_key(fmt::format("{} belongs to \"error_rate\", which is off", quoted(key)));
    }
  }
}

void settle_ejection(const Cursor& at, Outlier& outlier) {
  const auto most = at.find("ejection_max");
  if (!most) {
    outlier.ejection_max = std::max(outlier.ejection, outlier.ejection_max);
  } else if (outlier.ejection_max < outlier.ejection) {
    const auto first = at.find("ejection");
    most->error(fmt::format("{} is below the first ejection{}, {}", show_duration(outlier.ejection_max),
                            first ? " at " + at.context().where(first->at()) : "",
                            show_duration(outlier.ejection)));
  }
}

}  // namespace

constinit const Schema<Outlier> kOutlierSchema{{"pools.NAME.outlier",
                                                "`off`, or a map, which may be empty: servers are ejected, "
                                                "that is left alone for a time, when their traffic "
                                                "shows errors. Without this key none is; only a server that "
                                                "refuses connections is left alone for up to 8 "
                                                "seconds, with this key and without.",
                                                {},
                                                {},
                                                "consecutive_errors"},
                                               kOutlierKeys};
constinit const Schema<Panic> kPanicSchema{{"pools.NAME.panic",
                                            "What to do when too few servers are healthy to carry the load.",
                                            {},
                                            {},
                                            "below then"},
                                           kPanicKeys};
constinit const Schema<Retry> kRetrySchema{
    {"pools.NAME.retry",
     "`off`, or a map: further tries for a request, on other servers if there are any.",
     {},
     {},
     "attempts"},
    kRetryKeys};

void read_outlier(const Cursor& at, Pool& out) {
  if (read_switch(at, lone_hint(at, kOutlierSchema)) != Switch::map) return;
  Outlier& outlier = out.outlier.emplace();
  outlier.at = at.key_at();
  const std::size_t errors = at.context().out.items().size();
  read_map(at, kOutlierSchema, outlier);
  // A value that could not be read has its default, which is not to be compared with.
  if (at.context().out.items().size() != errors) return;
  require_rate(at, outlier);
  settle_ejection(at, outlier);
}

void read_retry(const Cursor& at, Pool& out) {
  switch (read_switch(at, lone_hint(at, kRetrySchema))) {
    case Switch::off: out.retry.attempts = 1; return;
    case Switch::neither: return;
    case Switch::map: break;
  }
  const std::size_t errors = at.context().out.items().size();
  read_map(at, kRetrySchema, out.retry);
  if (at.context().out.items().size() != errors || !out.retry.per_try_timeout || out.retry.on.timeout) return;
  at.find("per_try_timeout")
      ->error_at_key(
          "\"per_try_timeout\" needs \"timeout\" in \"on\"; to limit requests that are not tried again, set "
          "\"first_byte\" of \"timeouts\"");
}

}  // namespace sluice::config
