// Looks up the addresses of names: in /etc/hosts, then by DNS, with search domains as the system has them.
//
// Nothing here waits but for one thing: the small files of the system are read when they are needed. So it
// belongs on a loop that carries no traffic. Everything is called on that loop's thread.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/net/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

struct ResolverSettings {
  std::vector<SocketAddress> servers;  // empty: the system's
  Nanos timeout = 0;                   // of the first try; 0: the system's
  std::uint32_t tries = 0;             // 0: the system's
  bool operator==(const ResolverSettings&) const = default;
};

struct NameAnswer {
  std::vector<SocketAddress> addresses;  // without a port, each once, sorted
  Nanos ttl = 0;                         // the least of all that led to them
  bool local = false;                    // not from DNS: there is no TTL
  std::string error;                     // why there are none; otherwise empty
};

// What resolv.conf(5) says in `options timeout:N attempts:N`, in seconds and tries; 0 where it says nothing.
struct ResolverOptions {
  std::uint32_t timeout = 0;
  std::uint32_t attempts = 0;
};
ResolverOptions resolver_options(std::string_view resolv_conf);

class Resolver {
 public:
  using Done = std::function<void(NameAnswer)>;

  Resolver(Loop& loop, ResolverSettings settings);
  // Look-ups under way end, and `done` is not called.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` is called once, possibly from within this call. It must not look up or destroy anything itself.
  void look_up(const std::string& name, Done done);

 private:
  class Channel;
  std::unique_ptr<Channel> channel_;
};

}  // namespace sluice::net
