#include "loadgen/options.hpp"

#include "loadgen/schedule.hpp"
#include "origin/toolkit/command_line.hpp"
#include "origin/toolkit/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <unistd.h>

namespace sluice::bench {
namespace {

using toolkit::add_choice;
using toolkit::add_flag;
using toolkit::add_read;
using toolkit::add_size;
using toolkit::add_text;
using toolkit::UsageError;

void add_duration(CLI::App& app, const std::string& name, Nanoseconds& into) {
  toolkit::add_duration(
      app, name, [&into](std::chrono::nanoseconds time) { into = static_cast<Nanoseconds>(time.count()); });
}

void add_count(CLI::App& app, const std::string& name, std::uint32_t& into, std::uint32_t most) {
  toolkit::add_number(app, name, into, 1, most);
}

void add_decimal(CLI::App& app, const std::string& name, double& into, bool zero) {
  add_read(app, name, [&into, zero](const std::string& option, std::string_view text) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, into, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || into < 0) toolkit::reject(option, text, "a number");
    if (into == 0 && !zero) throw UsageError(fmt::format("{} must be more than 0", option));
  });
}

std::string header(const std::string& option, std::string_view text) {
  if (!toolkit::split_field(text)) toolkit::reject(option, text, "'Name: value'");
  // A second one would be another request than the one that was meant, and refused for it.
  const std::string_view name = text.substr(0, text.find(':'));
  if (toolkit::same_token(name, "host")) throw UsageError(option + ": the host is named by --host");
  if (toolkit::same_token(name, "content-length") || toolkit::same_token(name, "transfer-encoding"))
    throw UsageError(option + ": a body is asked for by --body-size or --body-file");
  return std::string(text);
}

std::uint64_t read_rate(const std::string& option, std::string_view text) {
  const auto size = toolkit::parse_size(text.ends_with("/s") ? text.substr(0, text.size() - 2) : text);
  if (!size || *size == 0) toolkit::reject(option, text, "a rate such as 1000/s or 64KiB/s");
  return *size;
}

void declare_connection(CLI::App& verb, TargetOptions& options) {
  add_read(verb, "--url", [&](const std::string&, std::string_view text) { options.url = parse_url(text); });
  add_count(verb, "--connections", options.connections, 1'000'000);
  add_choice<bool>(verb, "--http", options.http2, {"1.1", false}, {"2", true});
  add_count(verb, "--streams", options.streams, 10'000);
  add_duration(verb, "--timeout", options.timeout);
  verb.add_flag_callback("--insecure", [&] { options.verify = false; })->disable_flag_override();
  add_text(verb, "--ca", options.ca_file);
  add_text(verb, "--sni", options.server_name);
}

void declare_request(CLI::App& verb, TargetOptions& options) {
  add_text(verb, "--host", options.host);
  add_count(verb, "--hosts", options.host_count, 10'000'000);
  add_text(verb, "--pattern", options.host_pattern);
  add_choice<Distribution>(verb, "--distribution", options.distribution, {"uniform", Distribution::uniform},
                           {"zipf", Distribution::zipf});
  toolkit::add_each(verb, "--header",
                    [&](const std::string& text) { options.headers.push_back(header("--header", text)); });
  add_read(verb, "--vary",
           [&](const std::string&, std::string_view text) { options.vary = header("--vary", text); });
  add_count(verb, "--values", options.values, 1U << 24);
  add_text(verb, "--method", options.method);
  add_size(verb, "--body-size", options.body_size);
  add_text(verb, "--body-file", options.body_file);
  add_text(verb, "--requests", options.requests_file);
}

// What every verb has.
void declare_target(CLI::App& verb, TargetOptions& options) {
  add_flag(verb, "--json", options.json);
  declare_connection(verb, options);
  declare_request(verb, options);
}

// What load and capacity have.
void declare_run(CLI::App& verb, LoadOptions& options) {
  declare_target(verb, options);
  add_decimal(verb, "--rate", options.rate, false);
  add_choice<Loop>(verb, "--arrivals", options.loop, {"even", Loop::even}, {"poisson", Loop::poisson});
  add_count(verb, "--threads", options.threads, 256);
  add_duration(verb, "--duration", options.duration);
  add_duration(verb, "--warmup", options.warmup);
  add_duration(verb, "--grace", options.grace);
  add_choice<bool>(verb, "--keepalive", options.keep_alive, {"yes", true}, {"no", false});
  add_choice<bool>(verb, "--resume", options.resume, {"yes", true}, {"no", false});
  add_read(verb, "--read-rate", [&](const std::string& option, std::string_view text) {
    options.read_rate = read_rate(option, text);
  });
  toolkit::add_number(verb, "--server-pid", options.server_pid, 1, std::numeric_limits<pid_t>::max());
  add_flag(verb, "--progress", options.progress);
}

void declare_load(CLI::App& verb, LoadOptions& options) {
  // A log has no time to spare for warming up, and knows itself how long it is.
  options.warmup = options.duration = never;
  declare_run(verb, options);
  verb.add_flag_callback("--closed", [&] { options.loop = Loop::closed; })->disable_flag_override();
  add_text(verb, "--replay", options.replay_file);
  add_decimal(verb, "--speed", options.speed, false);
  add_flag(verb, "--announce", options.announce);
}

void declare_capacity(CLI::App& verb, CapacityOptions& options) {
  options.rate = 1000;
  options.duration = 5 * per_second;
  options.warmup = per_second;
  declare_run(verb, options);
  add_duration(verb, "--p99", options.p99);
  add_decimal(verb, "--errors", options.errors, true);
  add_count(verb, "--server-cores", options.server_cores, 1'000'000);
  add_decimal(verb, "--highest-rate", options.highest_rate, false);
}

void declare_idle(CLI::App& verb, IdleOptions& options) {
  declare_target(verb, options);
  add_flag(verb, "--request-first", options.request_first);
  add_flag(verb, "--request-last", options.request_last);
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

void finish_load(LoadOptions& options) {
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

Command read_command(int argc, char** argv) {
  LoadOptions load;
  CapacityOptions capacity;
  IdleOptions idle;
  CLI::App app;
  app.require_subcommand(0, 1);
  const CLI::App* const help = app.add_subcommand("help");
  CLI::App* const load_verb = app.add_subcommand("load");
  CLI::App* const capacity_verb = app.add_subcommand("capacity");
  CLI::App* const idle_verb = app.add_subcommand("idle");
  declare_load(*load_verb, load);
  declare_capacity(*capacity_verb, capacity);
  declare_idle(*idle_verb, idle);
  if (!toolkit::parse(app, argc, argv) || help->parsed()) return Help{};
  if (load_verb->parsed()) {
    finish_load(load);
    return load;
  }
  if (capacity_verb->parsed()) {
    finish_run(capacity);
    return capacity;
  }
  if (!idle_verb->parsed()) throw UsageError("which verb: load, capacity or idle?");
  finish(idle);
  return idle;
}

}  // namespace sluice::bench
