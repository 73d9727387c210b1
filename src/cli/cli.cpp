#include "sluice/cli/cli.hpp"

#include "sluice/config/load.hpp"

#include "cli/options.hpp"
#include "cli/verbs.hpp"

#include <iostream>
#include <string_view>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

struct Verb {
  std::string_view name;
  std::string_view usage;
  std::string_view does;
  int (*run)(const Arguments&);
};

constexpr Verb kVerbs[] = {
    {"run", "[--config FILE]", "serve in the foreground; logs go to stderr", &run_verb},
    {"proxy", "--from ADDR --to ADDR [--to ADDR]...",
     "serve without a file: everything on one address to some servers", &proxy_verb},
    {"check", "[--config FILE] [--json]", "build all that run would build, say what it is, change nothing",
     &check_verb},
    {"reload", "[--config FILE] [--json]", "have the running process apply its file; says applied or refused",
     &reload_verb},
    {"pool", "[drain|ready|maintenance POOL SERVER] [--config FILE] [--json]",
     "how the servers are; or take one out of the running process, or back in", &pool_verb},
    {"version", "", "print the version", &version_verb},
    {"help", "", "print this", &help_verb},
    {"completion", "bash", "print a completion script: source <(sluice completion bash)", &completion_verb},
};

}  // namespace

int version_verb(const Arguments& /*arguments*/) {
  std::cout << "sluice " SLUICE_VERSION "\n";
  return kDone;
}

int help_verb(const Arguments& /*arguments*/) {
  std::cout << "Sluice, an edge load balancer for multi-tenant services.\n\nusage: sluice VERB [options]\n\n";
  for (const Verb& verb : kVerbs) {
    std::cout << fmt::format("  {:<8} {}\n           {}\n", verb.name, verb.usage, verb.does);
  }
  std::cout << "\nFILE is /etc/sluice/sluice.yaml unless named. ADDR is HOST:PORT, [V6]:PORT, :PORT or "
               "unix:/PATH.\n"
               "Exit codes: 0 done, 1 invalid or failed, 2 usage, 4 running process not reachable.\n"
               "Signals to a running process: HUP reload, TERM and INT drain and stop, USR1 reopen the "
               "access log.\n";
  return kDone;
}

int completion_verb(const Arguments& arguments) {
  if (arguments != Arguments{"bash"}) {
    std::cerr << "usage: sluice completion bash\n";
    return kUsage;
  }
  std::string verbs;
  for (const Verb& verb : kVerbs)
    verbs += std::string(verb.name) + ' ';
  std::cout << fmt::format(R"(_sluice() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "{}" -- "$word")); return; fi
  case "$before" in
    --config) COMPREPLY=($(compgen -f -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W "bash" -- "$word")); return ;;
    pool) COMPREPLY=($(compgen -W "drain ready maintenance --config --json" -- "$word")); return ;;
  esac
  COMPREPLY=($(compgen -W "--config --json --from --to" -- "$word"))
}}
complete -o filenames -F _sluice sluice
)",
                           verbs);
  return kDone;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    help_verb({});
    return kUsage;
  }
  std::string name = arguments.front();
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version" || name == "-V") name = "version";
  std::vector<std::string_view> known;
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return verb.run({arguments.begin() + 1, arguments.end()});
    known.push_back(verb.name);
  }
  std::cerr << "sluice: unknown verb \"" << name << "\"" << config::did_you_mean(name, known)
            << "\nsee: sluice help\n";
  return kUsage;
}

}  // namespace sluice::cli
