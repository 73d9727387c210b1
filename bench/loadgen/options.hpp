// The command line of sluice-bench.
#pragma once

#include "loadgen/clock.hpp"
#include "loadgen/hosts.hpp"
#include "loadgen/url.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <variant>
#include <vector>

namespace sluice::bench {

// What every verb needs: where to, how to trust it, what to ask.
struct TargetOptions {
  Url url;
  bool http2 = false;
  std::uint32_t connections = 64;  // of all threads together
  std::uint32_t streams = 1;       // at a time on each connection
  bool keep_alive = true;
  bool resume = false;          // TLS sessions
  std::uint64_t read_rate = 0;  // bytes per second that each connection reads; 0: all there is
  Nanoseconds timeout = 10 * per_second;

  std::string method = "GET";
  std::string vary;  // "Name: value", another one with each request
  std::uint32_t values = 1'000'000;
  std::vector<std::string> headers;  // "Name: value"
  std::uint64_t body_size = 0;       // bytes
  std::string body_file;
  std::string requests_file;
  std::string replay_file;

  std::string host;  // overrides the URL's in the Host field
  std::uint32_t host_count = 0;
  std::string host_pattern = "tenant-{n}.example.test";
  Distribution distribution = Distribution::uniform;
  std::string server_name;  // SNI and the verified name; empty: the host
  std::string ca_file;
  bool verify = true;

  bool json = false;

  // Whether the requests name hosts other than the URL's.
  bool names_hosts() const {
    return host_count > 0 || !host.empty() || !requests_file.empty() || !replay_file.empty();
  }
  // Of each socket, bytes; 0: the kernel's choice.
  int receive_buffer() const;
  // How much of an answer may be under way over HTTP/2, bytes.
  std::uint32_t stream_window() const;
};

enum class Loop {
  even,     // open: evenly spaced
  poisson,  // open: with exponentially distributed gaps
  replay,   // open: as an access log says
  closed,   // whenever the last answer is there
};

struct LoadOptions : TargetOptions {
  Loop loop = Loop::even;
  double rate = 0;   // requests per second, evenly or Poisson
  double speed = 1;  // of a replay
  std::uint32_t threads = 1;
  Nanoseconds duration = 10 * per_second;  // never: to the end of the log
  Nanoseconds warmup = 2 * per_second;
  Nanoseconds grace = 2 * per_second;
  pid_t server_pid = 0;  // whose processor time is reported; 0: nobody's
  bool announce = false;
  bool progress = false;
};

struct CapacityOptions : LoadOptions {
  Nanoseconds p99 = 100 * per_millisecond;  // the objective: at most this
  double errors = 0.1;                      // and at most this many percent
  std::uint32_t server_cores = 1;
  double highest_rate = 1e6;
};

struct IdleOptions : TargetOptions {
  bool request_first = false;
  bool request_last = false;
};

struct Help {};

using Command = std::variant<Help, LoadOptions, CapacityOptions, IdleOptions>;

// Throws toolkit::UsageError.
Command read_command(int argc, char** argv);

}  // namespace sluice::bench
