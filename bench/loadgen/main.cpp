#include "loadgen/capacity.hpp"
#include "loadgen/help.hpp"
#include "loadgen/idle.hpp"
#include "loadgen/load.hpp"
#include "loadgen/options.hpp"
#include "loadgen/report.hpp"
#include "loadgen/source.hpp"
#include "loadgen/stop.hpp"
#include "origin/toolkit/args.hpp"
#include "origin/toolkit/socket.hpp"

#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/core.h>

namespace {

using namespace sluice;

int load(int argc, char** argv) {
  const auto options = bench::read_load_options(argc, argv);
  const auto catalogue = bench::make_catalogue(options);
  const auto result = bench::run_load(options, *catalogue);
  fmt::print("{}", options.json ? bench::load_json(options, result) : bench::load_text(options, result));
  return 0;
}

int capacity(int argc, char** argv) {
  const auto options = bench::read_capacity_options(argc, argv);
  const auto catalogue = bench::make_catalogue(options);
  const auto result = bench::run_capacity(options, *catalogue);
  fmt::print("{}",
             options.json ? bench::capacity_json(options, result) : bench::capacity_text(options, result));
  return 0;
}

int idle(int argc, char** argv) {
  const auto options = bench::read_idle_options(argc, argv);
  const auto result = bench::run_idle(options);
  fmt::print("{}", options.json ? bench::idle_json(result) : bench::idle_text(result));
  return 0;
}

int run(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word != "--help" && word != "-h" && !(i == 1 && word == "help")) continue;
    fmt::print("{}", bench::help_text);
    return 0;
  }
  toolkit::raise_descriptor_limit();
  toolkit::ignore_broken_pipes();
  bench::catch_stop_signals();
  if (verb == "load") return load(argc, argv);
  if (verb == "capacity") return capacity(argc, argv);
  if (verb == "idle") return idle(argc, argv);
  throw toolkit::UsageError(verb.empty() ? "which verb: load, capacity or idle?"
                                         : fmt::format("unknown verb {}", verb));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const toolkit::UsageError& error) {
    fmt::print(stderr, "sluice-bench: {}\nTry sluice-bench --help.\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice-bench: {}\n", error.what());
    return 1;
  }
}
