// The verbs that do something, each a function from its options to an exit code. The table in
// command_line.cpp names them all.
#pragma once

#include "cli/command_line.hpp"

namespace sluice::cli {

int run_verb(const Options& options);
int proxy_verb(const Options& options);
int check_verb(const Options& options);
int reload_verb(const Options& options);
int pool_verb(const Options& options);
int ban_verb(const Options& options);
int tenant_verb(const Options& options);

}  // namespace sluice::cli
