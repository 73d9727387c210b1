#include "loadgen/options.hpp"

#include "loadgen/schedule.hpp"
#include "origin/toolkit/args.hpp"
#include "origin/toolkit/http_text.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <charconv>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

using toolkit::Args;
using toolkit::UsageError;

Nanoseconds duration(Args& args) { return static_cast<Nanoseconds>(args.duration().count()); }

std::uint32_t count(Args& args, std::uint32_t most) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(args.number(1), most));
}

double decimal(std::string_view option, std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{} || stop != end || number < 0)
    throw UsageError(fmt::format("{}: \"{}\" is not a number", option, text));
  return number;
}

double positive(std::string_view option, std::string_view text) {
  const double number = decimal(option, text);
  if (number == 0) throw UsageError(fmt::format("{} must be more than 0", option));
  return number;
}

std::string header(std::string_view text) {
  if (!toolkit::split_field(text))
    throw UsageError(fmt::format("--header: \"{}\" is not 'Name: value'", text));
  // A second one would be another request than the one that was meant, and refused for it.
  const std::string_view name = text.substr(0, text.find(':'));
  if (toolkit::same_token(name, "host")) throw UsageError("--header: the host is named by --host");
  if (toolkit::same_token(name, "content-length") || toolkit::same_token(name, "transfer-encoding"))
    throw UsageError("--header: a body is asked for by --body-size or --body-file");
  return std::string(text);
}

std::uint64_t read_rate(std::string_view text) {
  const auto size = toolkit::parse_size(text.ends_with("/s") ? text.substr(0, text.size() - 2) : text);
  if (!size || *size == 0)
    throw UsageError(fmt::format("--read-rate: \"{}\" is not a rate such as 1000/s or 64KiB/s", text));
  return *size;
}

Distribution distribution(std::string_view text) {
  if (text == "uniform") return Distribution::uniform;
  if (text == "zipf") return Distribution::zipf;
  throw UsageError(fmt::format("--distribution: \"{}\" is not uniform or zipf", text));
}

bool is_http2(std::string_view text) {
  if (text == "1.1" || text == "2") return text == "2";
  throw UsageError(fmt::format("--http: \"{}\" is not 1.1 or 2", text));
}

Loop arrivals(std::string_view text) {
  if (text == "even") return Loop::even;
  if (text == "poisson") return Loop::poisson;
  throw UsageError(fmt::format("--arrivals: \"{}\" is not even or poisson", text));
}

bool read_connection_option(Args& args, TargetOptions& options) {
  if (args.is("--url")) {
    options.url = parse_url(args.value());
  } else if (args.is("--connections")) {
    options.connections = count(args, 1'000'000);
  } else if (args.is("--http")) {
    options.http2 = is_http2(args.value());
  } else if (args.is("--streams")) {
    options.streams = count(args, 10'000);
  } else if (args.is("--timeout")) {
    options.timeout = duration(args);
  } else if (args.is("--insecure")) {
    options.verify = false;
  } else if (args.is("--ca")) {
    options.ca_file = args.value();
  } else if (args.is("--sni")) {
    options.server_name = args.value();
  } else {
    return false;
  }
  return true;
}

bool read_request_option(Args& args, TargetOptions& options) {
  if (args.is("--host")) {
    options.host = args.value();
  } else if (args.is("--hosts")) {
    options.host_count = count(args, 10'000'000);
  } else if (args.is("--pattern")) {
    options.host_pattern = args.value();
  } else if (args.is("--distribution")) {
    options.distribution = distribution(args.value());
  } else if (args.is("--header")) {
    options.headers.push_back(header(args.value()));
  } else if (args.is("--method")) {
    options.method = args.value();
  } else if (args.is("--body-size")) {
    options.body_size = args.size();
  } else if (args.is("--body-file")) {
    options.body_file = args.value();
  } else if (args.is("--requests")) {
    options.requests_file = args.value();
  } else {
    return false;
  }
  return true;
}

// Whether the current option belongs to every verb; then it has been read.
bool read_target_option(Args& args, TargetOptions& options) {
  if (args.is("--json")) {
    options.json = true;
    return true;
  }
  return read_connection_option(args, options) || read_request_option(args, options);
}

// Options of load and capacity.
bool read_run_option(Args& args, LoadOptions& options) {
  if (args.is("--rate"))
    options.rate = positive("--rate", args.value());
  else if (args.is("--arrivals"))
    options.loop = arrivals(args.value());
  else if (args.is("--threads"))
    options.threads = count(args, 256);
  else if (args.is("--duration"))
    options.duration = duration(args);
  else if (args.is("--warmup"))
    options.warmup = duration(args);
  else if (args.is("--grace"))
    options.grace = duration(args);
  else if (args.is("--keepalive"))
    options.keep_alive = args.yes_or_no();
  else if (args.is("--resume"))
    options.resume = args.yes_or_no();
  else if (args.is("--read-rate"))
    options.read_rate = read_rate(args.value());
  else if (args.is("--server-pid"))
    options.server_pid = static_cast<pid_t>(args.number(1));
  else if (args.is("--progress"))
    options.progress = true;
  else
    return false;
  return true;
}

void finish(const TargetOptions& options) {
  if (options.url.host.empty()) throw UsageError("--url is missing");
  if (!options.host.empty() && options.host_count > 0)
    throw UsageError("--host and --hosts exclude each other");
  if (options.streams > 1 && !options.http2) throw UsageError("--streams needs --http 2");
  if (options.streams > 1 && !options.keep_alive)
    throw UsageError("--keepalive no makes a connection for every request: no room for --streams");
}

void finish_run(LoadOptions& options) {
  finish(options);
  if (options.duration == 0) throw UsageError("--duration must be more than 0");
  if (options.threads > options.connections)
    throw UsageError("--threads: each needs a connection of its own; --connections has too few");
  options.progress = options.progress || ::isatty(STDERR_FILENO) == 1;
}

}  // namespace

int TargetOptions::receive_buffer() const {
  return read_rate == 0 ? 0 : static_cast<int>(std::clamp<std::uint64_t>(read_rate, 4096, 65536));
}

std::uint32_t TargetOptions::stream_window() const {
  // Fast enough that flow control holds up nobody; slow enough that it holds up whoever sends to a slow
  // reader.
  constexpr std::uint32_t no_limit = 1U << 30;
  return read_rate == 0 ? no_limit : static_cast<std::uint32_t>(receive_buffer());
}

LoadOptions read_load_options(int argc, char** argv) {
  LoadOptions options;
  // A log has no time to spare for warming up, and knows itself how long it is.
  options.warmup = options.duration = never;
  Args args(argc, argv, 2);
  while (args.next()) {
    if (read_target_option(args, options) || read_run_option(args, options)) continue;
    if (args.is("--closed"))
      options.loop = Loop::closed;
    else if (args.is("--replay"))
      options.replay_file = args.value();
    else if (args.is("--speed"))
      options.speed = positive("--speed", args.value());
    else if (args.is("--announce"))
      options.announce = true;
    else
      args.unknown();
  }
  const bool replays = !options.replay_file.empty();
  if (replays) options.loop = Loop::replay;
  const LoadOptions defaults;
  if (options.warmup == never) options.warmup = replays ? 0 : defaults.warmup;
  if (options.duration == never && !replays) options.duration = defaults.duration;
  finish_run(options);
  const bool needs_rate = options.loop == Loop::even || options.loop == Loop::poisson;
  if (needs_rate && options.rate == 0)
    throw UsageError("--rate is missing: an open loop needs to be told how much to offer");
  if (!needs_rate && options.rate > 0) throw UsageError("--rate excludes --closed and --replay");
  if (replays && !options.requests_file.empty())
    throw UsageError("--replay and --requests exclude each other");
  return options;
}

CapacityOptions read_capacity_options(int argc, char** argv) {
  CapacityOptions options;
  options.rate = 1000;
  options.duration = 5 * per_second;
  options.warmup = per_second;
  Args args(argc, argv, 2);
  while (args.next()) {
    if (read_target_option(args, options) || read_run_option(args, options)) continue;
    if (args.is("--p99"))
      options.p99 = duration(args);
    else if (args.is("--errors"))
      options.errors = decimal("--errors", args.value());
    else if (args.is("--server-cores"))
      options.server_cores = count(args, 1'000'000);
    else if (args.is("--highest-rate"))
      options.highest_rate = positive("--highest-rate", args.value());
    else
      args.unknown();
  }
  finish_run(options);
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

}  // namespace sluice::bench
