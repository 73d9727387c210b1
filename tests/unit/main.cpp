// The unit tests' main(), and the one translation unit that compiles Catch2's runner.
#define CATCH_CONFIG_RUNNER
#include <csignal>

#include <catch2/catch.hpp>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // as the process does; see net/transport.hpp
  return Catch::Session().run(argc, argv);
}
