// How a server is, as far as anybody knows: what its checks say, what its traffic shows, and what the
// operator decided. Belongs to the Endpoint and outlives reloads with it.
//
// Written by the thread of the checks, the workers and the admin address; read by workers for every pick, so
// that part is a handful of relaxed loads. Times are steady_now()'s.
#pragma once

#include "sluice/base/clock.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace sluice::upstream {

// What the operator decided. It stands until decided otherwise, through reloads.
enum class Duty : std::uint8_t {
  ready,
  drain,        // takes only clients that are bound to it by a cookie
  maintenance,  // takes nobody, and is not checked
};

std::string_view to_string(Duty duty);

// A check's outcome, for people.
struct CheckReport {
  bool passed = false;
  std::string reason;      // why not; one printable line; empty when passed
  std::int64_t at_ms = 0;  // unix time; 0: not checked yet
  Nanos took = 0;
  std::uint32_t streak = 0;  // checks in a row against what holds
};

// An ejection, for people.
struct EjectionReport {
  std::string reason;
  std::uint32_t count = 0;  // in the life of this process
};

class Condition {
 public:
  // Whether new requests may go there; `bound` ones come with a cookie for this server.
  bool takes(Nanos now, bool bound) const {
    return up() && !ejected(now) && (duty() == Duty::ready || (bound && duty() == Duty::drain));
  }
  bool up() const { return up_.load(std::memory_order_relaxed); }
  bool ejected(Nanos now) const { return ejected_until_.load(std::memory_order_relaxed) > now; }
  Nanos ejected_until() const { return ejected_until_.load(std::memory_order_relaxed); }
  Duty duty() const { return duty_.load(std::memory_order_relaxed); }
  // Since when it takes traffic again after it did not; 0: always did. For slow start.
  Nanos recovered_at() const { return recovered_at_.load(std::memory_order_relaxed); }

  void recovered(Nanos now) { recovered_at_.store(now, std::memory_order_relaxed); }

  void set_duty(Duty duty, Nanos now);

  // Of checks. Without any a server is up.
  void set_up(bool up, Nanos now);
  void report(CheckReport report);
  CheckReport last_check() const;

  // Of traffic: takes it out for `step`, or for as much longer as it was taken out before without a time of
  // good behaviour in between, at most for `most`. Returns for how long.
  Nanos eject(Nanos now, Nanos step, Nanos most, std::string reason);
  void end_ejection(Nanos now);
  // Let in again for less time than it was out.
  bool on_probation(Nanos now) const {
    return now < probation_until_.load(std::memory_order_relaxed) && !ejected(now);
  }
  EjectionReport ejections() const;

 private:
  std::atomic<bool> up_{true};
  std::atomic<Duty> duty_{Duty::ready};
  std::atomic<Nanos> ejected_until_{0};
  std::atomic<Nanos> probation_until_{0};
  std::atomic<Nanos> recovered_at_{0};
  mutable std::mutex mutex_;  // of what is for people
  CheckReport check_;
  EjectionReport ejection_;
  std::uint32_t strikes_ = 0;  // ejections without a time of good behaviour in between
};

}  // namespace sluice::upstream
