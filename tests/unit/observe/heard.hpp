// What the process log says meanwhile.
#pragma once

#include "sluice/observe/log.hpp"

#include "unit/observe/pipe_fixture.hpp"

#include <string>
#include <unistd.h>

namespace sluice::test {

// What is written to standard error by `speak`.
template <class F>
std::string heard(F speak) {
  observe::flush_log();
  PipePair pipe;
  const int before = ::dup(STDERR_FILENO);
  ::dup2(pipe.writer(), STDERR_FILENO);
  speak();
  observe::flush_log();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  pipe.close_writer();
  return pipe.rest();
}

}  // namespace sluice::test
