#include "loadgen/options.hpp"

#include "origin/toolkit/args.hpp"
#include "origin/toolkit/http_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

using toolkit::Args;
using toolkit::UsageError;

Nanoseconds duration(Args& args) { return static_cast<Nanoseconds>(args.duration().count()); }

std::string header(std::string_view text) {
  if (!toolkit::split_field(text))
    throw UsageError(fmt::format("--header: \"{}\" is not 'Name: value'", text));
  return std::string(text);
}

Distribution distribution(std::string_view text) {
  if (text == "uniform") return Distribution::uniform;
  if (text == "zipf") return Distribution::zipf;
  throw UsageError(fmt::format("--distribution: \"{}\" is not uniform or zipf", text));
}

// Whether the current option belongs to every verb; then it has been read.
bool read_target_option(Args& args, TargetOptions& options) {
  if (args.is("--url")) {
    options.url = parse_url(args.value());
  } else if (args.is("--connections")) {
    options.connections = static_cast<std::uint32_t>(std::min<std::uint64_t>(args.number(1), 1'000'000));
  } else if (args.is("--host")) {
    options.host = args.value();
  } else if (args.is("--hosts")) {
    options.host_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(args.number(1), 10'000'000));
  } else if (args.is("--pattern")) {
    options.host_pattern = args.value();
  } else if (args.is("--distribution")) {
    options.distribution = distribution(args.value());
  } else if (args.is("--header")) {
    options.shape.headers.push_back(header(args.value()));
  } else if (args.is("--method")) {
    options.shape.method = args.value();
  } else if (args.is("--body-size")) {
    options.shape.body_size = args.size();
  } else if (args.is("--timeout")) {
    options.timeout = duration(args);
  } else if (args.is("--insecure")) {
    options.verify = false;
  } else if (args.is("--ca")) {
    options.ca_file = args.value();
  } else if (args.is("--sni")) {
    options.server_name = args.value();
  } else if (args.is("--json")) {
    options.json = true;
  } else {
    return false;
  }
  return true;
}

void finish(TargetOptions& options) {
  if (options.url.host.empty()) throw UsageError("--url is missing");
  if (!options.host.empty() && options.host_count > 0)
    throw UsageError("--host and --hosts exclude each other");
  options.shape.target = options.url.target;
}

}  // namespace

Hosts TargetOptions::make_hosts() const {
  if (host_count > 0) return {host_pattern, host_count, distribution};
  return Hosts(host.empty() ? url.authority : host);
}

std::string TargetOptions::name_for_tls() const {
  if (!server_name.empty()) return server_name;
  if (host_count > 0) return host_name(host_pattern, 1);
  return host.empty() ? url.host : host.substr(0, host.find(':'));
}

LoadOptions read_load_options(int argc, char** argv) {
  LoadOptions options;
  Args args(argc, argv, 2);
  while (args.next()) {
    if (read_target_option(args, options)) continue;
    if (args.is("--rate"))
      options.rate = static_cast<double>(args.number(1));
    else if (args.is("--duration"))
      options.duration = duration(args);
    else if (args.is("--warmup"))
      options.warmup = duration(args);
    else if (args.is("--grace"))
      options.grace = duration(args);
    else if (args.is("--keepalive"))
      options.shape.keep_alive = args.yes_or_no();
    else if (args.is("--announce"))
      options.announce = true;
    else
      args.unknown();
  }
  finish(options);
  if (options.rate == 0)
    throw UsageError("--rate is missing: an open loop needs to be told how much to offer");
  if (options.duration == 0) throw UsageError("--duration must be more than 0");
  return options;
}

IdleOptions read_idle_options(int argc, char** argv) {
  IdleOptions options;
  Args args(argc, argv, 2);
  while (args.next()) {
    if (read_target_option(args, options)) continue;
    if (args.is("--request-first"))
      options.request_first = true;
    else if (args.is("--request-last"))
      options.request_last = true;
    else
      args.unknown();
  }
  finish(options);
  return options;
}

const std::string_view help_text =
    R"(sluice-bench: load with a fixed schedule, and latency that hides nothing

usage: sluice-bench load --url URL --rate N [OPTION]...
       sluice-bench idle --url URL [OPTION]...

load  offers N requests per second over HTTP/1.1, whatever the server makes of them (an open loop).
      A request's latency counts from the moment it was due, not from when a connection was free for
      it: where the server stalls, the requests that had to wait say so. Reported beside it is the
      service time, from the actual start.
idle  opens connections, prints "ready", and holds them until its standard input ends or TERM comes.

Where to
  --url http[s]://HOST[:PORT][/PATH]
  --connections N        connections kept open (default 64)
  --host NAME            the Host field, where it differs from the URL's
  --hosts N              name N hosts in turn instead:
  --pattern TEXT           made from this, {n} being 1 to N (default tenant-{n}.example.test)
  --distribution KIND      uniform: each as often; zipf: host n with 1/n the share of host 1
What to send
  --method NAME          default GET
  --header 'Name: value' may be repeated
  --body-size SIZE       a request body (100, 16KiB, 1MiB)
TLS (1.2 and 1.3, never resuming a session, so that every connection costs the server the same)
  --ca FILE              trust these certificates instead of the system's
  --insecure             trust any certificate
  --sni NAME             name to ask for and to verify; default: the host
Load only
  --rate N               requests per second
  --duration TIME        measured time (default 10s)
  --warmup TIME          the same load before, not measured (default 2s)
  --grace TIME           how long to wait for late answers in the end (default 2s)
  --keepalive yes|no     no: a new connection for every request, within its latency (default yes)
  --announce             print "measuring" and "measured" to stderr as measured time starts, ends
Idle only
  --request-first        one request on each connection before it rests
  --request-last         one more in the end: shows that the connections were alive
Both
  --timeout TIME         give up on a request, or on a connection, after this long (default 10s)
  --json                 the report as JSON instead of text

Every scheduled request is accounted for:
  scheduled = sent + unsent; unsent: no connection was free for it until the grace time ended
  sent = ok + failed + unanswered; ok: a complete answer with a status below 400
  failed: connect, tls, reset, closed, timeout, short_body, protocol, status_4xx, status_5xx
A request whose connection is known to be closed opens it again, within its own latency. Nothing is
retried. The report also says what the generator itself cost, and whether it, rather than the
server, was the bottleneck.

Exit codes: 0 measured, 1 could not, 2 usage.
)";

}  // namespace sluice::bench
