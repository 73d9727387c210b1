// The command line of sluice-bench, and its help.
#pragma once

#include "loadgen/clock.hpp"
#include "loadgen/hosts.hpp"
#include "loadgen/request.hpp"
#include "loadgen/url.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

// What every verb needs: where to, how to trust it, what to ask.
struct TargetOptions {
  Url url;
  RequestShape shape;
  std::string host;  // overrides the URL's in the Host field
  std::uint32_t host_count = 0;
  std::string host_pattern = "tenant-{n}.example.test";
  Distribution distribution = Distribution::uniform;
  std::string server_name;  // SNI and the verified name; empty: from the host, the pattern's first or the URL
  std::string ca_file;
  bool verify = true;
  std::uint32_t connections = 64;
  Nanoseconds timeout = 10 * per_second;
  bool json = false;

  Hosts make_hosts() const;
  std::string name_for_tls() const;
};

struct LoadOptions : TargetOptions {
  double rate = 0;
  Nanoseconds duration = 10 * per_second;
  Nanoseconds warmup = 2 * per_second;
  Nanoseconds grace = 2 * per_second;
  bool announce = false;
};

struct IdleOptions : TargetOptions {
  bool request_first = false;
  bool request_last = false;
};

// Both read argv[2] and on, and throw toolkit::UsageError.
LoadOptions read_load_options(int argc, char** argv);
IdleOptions read_idle_options(int argc, char** argv);

extern const std::string_view help_text;

}  // namespace sluice::bench
