// What is known of the names of servers, and when each is to be looked up next. Decides and does nothing
// itself: time and answers are told it.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/throttle.hpp"
#include "sluice/net/resolver.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice::control {

// How long an answer holds, whatever it says itself.
struct TtlBounds {
  Nanos least = 1'000'000'000;
  Nanos most = 300'000'000'000;
  bool operator==(const TtlBounds&) const = default;
};

// What is to be said about a name. The first of a kind at once, further ones at growing intervals.
struct NameReport {
  bool changed = false;  // its addresses
  std::string warning;   // empty: nothing to say
  std::string note;      // as a warning, but good news
};

class NameTable {
 public:
  // More addresses of one name are a mistake or an attack.
  static constexpr std::size_t kMostAddresses = 64;
  // Look-ups at a time.
  static constexpr std::size_t kMostAsked = 64;

  void set_bounds(TtlBounds bounds) { bounds_ = bounds; }
  // These are looked up from now on, and no others. What is known of those that stay is kept.
  void watch(const std::set<std::string>& names, Nanos now);
  // Every look-up under way was given up: they are due again.
  void forget_asked(Nanos now);

  // A name to look up now; empty: none is due, or too many are being looked up. It counts as asked from then
  // on.
  std::string take_due(Nanos now);
  // When the next one is due; 0: none is waiting.
  Nanos next_due() const;
  NameReport answered(const std::string& name, net::NameAnswer answer, Nanos now);

  // Without a port; empty where there are none yet.
  const std::vector<SocketAddress>& addresses(const std::string& name) const;
  // Names that have neither been resolved nor failed yet.
  std::size_t unsettled() const { return unsettled_; }

 private:
  // Each of many names may fail at once, and for days.
  static constexpr Pace kPace{60'000'000'000, 3'600'000'000'000};

  struct Entry {
    std::vector<SocketAddress> addresses;
    Nanos due = 0;
    bool asked = false;          // a look-up is under way
    bool settled = false;        // there was an answer, or a failure
    std::uint32_t failures = 0;  // in a row
    Throttle failing{kPace};
    Throttle lying{kPace};
  };

  void schedule(const std::string& name, Entry& entry, Nanos due);
  Nanos pause_after(std::uint32_t failures);
  void failed(const std::string& name, Entry& entry, const std::string& why, Nanos now, NameReport& report);
  // Takes out what cannot be a server; says what, where something was.
  static std::string filter(std::vector<SocketAddress>& addresses, const std::vector<SocketAddress>& before);

  TtlBounds bounds_;
  std::unordered_map<std::string, Entry> entries_;
  std::set<std::pair<Nanos, std::string>> due_;
  std::size_t asked_ = 0;
  std::size_t unsettled_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace sluice::control
