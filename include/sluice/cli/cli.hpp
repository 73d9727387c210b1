// The command line: `sluice VERB [--config FILE] [--json]`.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

// Exit codes, for scripts.
enum Exit : int {
  kDone = 0,
  kInvalid = 1,      // the configuration is wrong, or the operation failed
  kUsage = 2,        // the command line is wrong
  kUnreachable = 4,  // the running process does not answer
};

// `arguments` without the program's name.
int run(const std::vector<std::string>& arguments);

}  // namespace sluice::cli
