// What a verb has to say, in the form that was asked for: lines for people, or one JSON object for programs.
#pragma once

#include "sluice/cli/cli.hpp"
#include "sluice/config/diagnostics.hpp"

#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace sluice::cli {

struct Report {
  int code = kDone;
  std::string text;             // for people; on standard output where all went well
  boost::json::object members;  // the same for programs
  std::vector<config::Finding> errors;
  std::vector<config::Finding> warnings;

  // It came to nothing for that reason, which stands in no file.
  void fail(int with, std::string message, std::string hint = {});
};

// The object alone: the report's members, `errors`, `warnings` and `exit_code`.
std::string as_json(const Report& report);

// Writes it, and returns the exit code.
int print(const Report& report, bool json);

}  // namespace sluice::cli
