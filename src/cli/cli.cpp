#include "sluice/cli/cli.hpp"

#include "cli/command_line.hpp"

#include <iostream>

namespace sluice::cli {

int run(const std::vector<std::string>& arguments) {
  const Command command = parse_command(arguments);
  if (command.verb != nullptr) return command.verb(command.options);
  std::cout << command.out;
  std::cerr << command.error;
  return command.code;
}

}  // namespace sluice::cli
