// The names of servers, looked up again and again on a thread of their own: each as often as its answers say,
// however many pools use it.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/net/resolver.hpp"

#include "control/name_table.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sluice::control {

struct NameSettings {
  net::ResolverSettings resolver;
  TtlBounds ttl;
  bool operator==(const NameSettings&) const = default;
};

class Names {
 public:
  // `changed` is called on the thread of the look-ups when some name has other addresses than before.
  explicit Names(std::function<void()> changed);
  // Look-ups under way are given up.
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // Any thread but its own, all of them. None waits for a look-up but the one that says so.

  // From now on these are looked up, and no others. What is known of those that stay is kept.
  void watch(const NameSettings& settings, const std::set<std::string>& names);
  // Waits until each name that is watched was resolved or failed once; at most so long, and no longer than
  // until give_up().
  void wait_for_first(std::chrono::milliseconds limit);
  // Nobody waits from now on.
  void give_up();
  // What is known now, without a port; empty where it is nothing.
  std::vector<SocketAddress> addresses(const std::string& name) const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::control
