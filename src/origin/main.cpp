#include "origin/options.hpp"
#include "origin/server.hpp"
#include "origin/toolkit/socket.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <cstdio>
#include <exception>

#include <fmt/core.h>

int main(int argc, char** argv) {
  using namespace sluice;
  try {
    const auto options = origin::read_options(argc, argv);
    if (options.help) {
      fmt::print("{}", origin::help_text);
      return 0;
    }
    toolkit::raise_descriptor_limit();
    toolkit::ignore_broken_pipes();
    origin::Server(options).run();
    return 0;
  } catch (const toolkit::UsageError& error) {
    fmt::print(stderr, "sluice-origin: {}\nTry sluice-origin --help.\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice-origin: {}\n", error.what());
    return 1;
  }
}
