#include "sluice/cli/cli.hpp"

#include "cli/command_line.hpp"
#include "cli/report.hpp"

#include <iostream>

namespace sluice::cli {

int run(const std::vector<std::string>& arguments) {
  const Command command = parse_command(arguments);
  if (command.verb != nullptr) {
    try {
      return command.verb(command.options);
    } catch (const std::exception& error) {
      // No thread to be had, no memory, or an answer from somebody who is not Sluice.
      Report report;
      report.fail(kInvalid, error.what());
      return print(report, command.options.json);
    }
  }
  std::cout << command.out;
  std::cerr << command.error;
  return command.code;
}

}  // namespace sluice::cli
