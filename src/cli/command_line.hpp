// What the words behind `sluice` ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

// Of all verbs; each reads its own.
struct Options {
  std::string file = "/etc/sluice/sluice.yaml";
  bool file_named = false;  // and not the one above
  std::string admin;        // where the running process is; empty: where the file says
  bool json = false;
  bool strict = false;  // warnings are errors
  std::string from;
  std::vector<std::string> to;
  std::string duty;  // what a server is to be set to; empty: it is only asked how the servers are
  std::string pool;
  std::string server;
  std::string action;  // of `ban` and `tenant`; empty: list
  std::string address;
  std::string tenant;  // or, for `tenant list`, a pattern
  std::string until;
  std::string reason;
  bool force = false;
  bool all = false;
};

struct Command {
  // Empty where no verb is to run: `out` and `error` have been said then, and `code` is the exit code.
  int (*verb)(const Options&) = nullptr;
  Options options;
  int code = 0;
  std::string out;
  std::string error;
  std::string problem;  // what is wrong with the words, where something is
  std::string hint;     // and what to do about it
};

// `arguments` without the program's name. Help, the version and the completion script are answered here,
// because they are made of what is declared here.
Command parse_command(const std::vector<std::string>& arguments);

}  // namespace sluice::cli
