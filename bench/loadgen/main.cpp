#include "loadgen/capacity.hpp"
#include "loadgen/help.hpp"
#include "loadgen/idle.hpp"
#include "loadgen/load.hpp"
#include "loadgen/options.hpp"
#include "loadgen/report.hpp"
#include "loadgen/source.hpp"
#include "loadgen/stop.hpp"
#include "origin/toolkit/socket.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <cstdio>
#include <exception>
#include <variant>

#include <fmt/core.h>

namespace {

using namespace sluice;

int run(const bench::Help& /*options*/) {
  fmt::print("{}", bench::help_text);
  return 0;
}

int run(const bench::LoadOptions& options) {
  const auto catalogue = bench::make_catalogue(options);
  const auto result = bench::run_load(options, *catalogue);
  fmt::print("{}", options.json ? bench::load_json(options, result) : bench::load_text(options, result));
  return 0;
}

int run(const bench::CapacityOptions& options) {
  const auto catalogue = bench::make_catalogue(options);
  const auto result = bench::run_capacity(options, *catalogue);
  fmt::print("{}",
             options.json ? bench::capacity_json(options, result) : bench::capacity_text(options, result));
  return 0;
}

int run(const bench::IdleOptions& options) {
  const auto result = bench::run_idle(options);
  fmt::print("{}", options.json ? bench::idle_json(result) : bench::idle_text(result));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto command = bench::read_command(argc, argv);
    toolkit::raise_descriptor_limit();
    toolkit::ignore_broken_pipes();
    bench::catch_stop_signals();
    return std::visit([](const auto& options) { return run(options); }, command);
  } catch (const toolkit::UsageError& error) {
    fmt::print(stderr, "sluice-bench: {}\nTry sluice-bench --help.\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice-bench: {}\n", error.what());
    return 1;
  }
}
