// The verbs, each a function from its arguments to an exit code. The table in cli.cpp names them all.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

using Arguments = std::vector<std::string>;

int run_verb(const Arguments& arguments);
int proxy_verb(const Arguments& arguments);
int check_verb(const Arguments& arguments);
int reload_verb(const Arguments& arguments);
int pool_verb(const Arguments& arguments);
int version_verb(const Arguments& arguments);
int help_verb(const Arguments& arguments);
int completion_verb(const Arguments& arguments);

}  // namespace sluice::cli
