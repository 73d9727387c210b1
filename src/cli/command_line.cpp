// The only file that includes CLI11, which takes longer to compile than all else in this room.
#include "cli/command_line.hpp"

#include "sluice/cli/cli.hpp"
#include "sluice/config/load.hpp"

#include "cli/completion.hpp"
#include "cli/report.hpp"
#include "cli/verbs.hpp"
#include "cli/words.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

// What is declared for a verb beside --help.
using Declare = void (*)(CLI::App&, Options&);

struct Verb {
  const char* name;
  const char* usage;
  const char* does;
  const char* words;  // what may stand behind it, for completion; "FILE" for any file
  Declare declare;
  int (*run)(const Options&);  // empty: answered by parse_command
};

CLI::Option* add_config(CLI::App& verb, Options& options) {
  return verb.add_option("-c,--config", options.file, "the configuration; /etc/sluice/sluice.yaml")
      ->type_name("FILE");
}

// `check FILE` is what people try first.
void add_file(CLI::App& verb, Options& options) {
  add_config(verb, options);
  verb.add_option("FILE", options.file, "the same")->type_name("");
}

void add_json(CLI::App& verb, Options& options) {
  verb.add_flag("--json", options.json, "answer as JSON")->disable_flag_override();
}

void add_admin(CLI::App& verb, Options& options) {
  verb.add_option("--admin", options.admin, "where the running process is; the file is not read then")
      ->type_name("ADDR");
}

// Which process is asked, and how it is told.
void add_process(CLI::App& verb, Options& options) {
  add_config(verb, options);
  add_admin(verb, options);
  add_json(verb, options);
}

void declare_reload(CLI::App& verb, Options& options) {
  add_file(verb, options);
  add_admin(verb, options);
  add_json(verb, options);
}

void declare_check(CLI::App& verb, Options& options) {
  add_file(verb, options);
  add_json(verb, options);
  verb.add_flag("--strict", options.strict, "warnings are errors")->disable_flag_override();
}

void declare_proxy(CLI::App& verb, Options& options) {
  verb.add_option("--from", options.from, "where to listen")->type_name("ADDR")->required();
  verb.add_option("--to", options.to, "a server; may be given again")
      ->type_name("ADDR")
      ->allow_extra_args(false)
      ->required();
}

void declare_pool(CLI::App& verb, Options& options) {
  verb.add_option("DUTY", options.duty, "drain, ready or maintenance")->type_name("");
  verb.add_option("POOL", options.pool, "which pool")->type_name("");
  verb.add_option("SERVER", options.server, "its address, as the file has it")->type_name("");
  add_process(verb, options);
}

// Until when, by either of two names, and why.
void add_lasting(CLI::App& verb, Options& options) {
  verb.add_option("--until", options.until, "its end: 2026-11-29T18:00:00Z, or +15m from now")
      ->type_name("WHEN");
  verb.add_option("--for", options.until, "the same, as how long: 15m")->type_name("TIME");
  verb.add_option("--reason", options.reason, "for the log, and for those who ask why")->type_name("TEXT");
}

void declare_ban(CLI::App& verb, Options& options) {
  verb.add_option("ACTION", options.action, "list, add or lift")->type_name("");
  verb.add_option("ADDRESS", options.address, "a client's, or a block such as 203.0.113.0/24")->type_name("");
  verb.add_option("--tenant", options.tenant, "for requests to this one only")->type_name("TENANT");
  add_lasting(verb, options);
  verb.add_flag("--force", options.force, "although it is a proxy that is trusted")->disable_flag_override();
  add_process(verb, options);
}

void declare_tenant(CLI::App& verb, Options& options) {
  verb.add_option("ACTION", options.action, "list, hold or release")->type_name("");
  verb.add_option("TENANT", options.tenant, "which one; to list, a pattern: \"acme-*\"")->type_name("");
  add_lasting(verb, options);
  verb.add_flag("--all", options.all, "list all, and not only those on hold")->disable_flag_override();
  add_process(verb, options);
}

void declare_help(CLI::App& verb, Options& /*options*/) {
  verb.add_option("VERB", "tell about this one")->type_name("");
}

void declare_completion(CLI::App& verb, Options& /*options*/) {
  verb.add_option("SHELL", "bash, zsh or fish")->type_name("")->required();
}

constexpr Verb kVerbs[] = {
    {"run", "[--config FILE]", "serve in the foreground; logs go to stderr", "FILE",
     [](CLI::App& verb, Options& options) { add_file(verb, options); }, &run_verb},
    {"proxy", "--from ADDR --to ADDR [--to ADDR]...",
     "serve without a file: everything on one address to some servers", "", &declare_proxy, &proxy_verb},
    {"check", "[--config FILE] [--strict] [--json]",
     "build all that run would build, say what it is, change nothing", "FILE", &declare_check, &check_verb},
    {"reload", "[--config FILE] [--admin ADDR] [--json]",
     "have the running process apply its file; says applied or refused", "FILE", &declare_reload,
     &reload_verb},
    {"pool", "[drain|ready|maintenance POOL SERVER] [--config FILE] [--admin ADDR] [--json]",
     "how the servers are; or take one out of the running process, or back in", "drain ready maintenance",
     &declare_pool, &pool_verb},
    {"ban", "[list [ADDRESS]|add ADDRESS|lift ADDRESS] [--tenant TENANT] [--for TIME] [--reason TEXT]",
     "who is banned; or have the running process answer an address, or a block, by 403 for a while",
     "list add lift", &declare_ban, &ban_verb},
    {"tenant", "[list [PATTERN]|hold TENANT --until WHEN|release TENANT] [--all] [--reason TEXT]",
     "which tenants are on hold; or have the running process answer one by 503 for a while",
     "list hold release", &declare_tenant, &tenant_verb},
    {"version", "[--json]", "print the version", "", &add_json, nullptr},
    {"help", "[VERB]", "print this, or more of one verb", "", &declare_help, nullptr},
    {"completion", "bash|zsh|fish", "print a completion script: source <(sluice completion bash)",
     "bash zsh fish", &declare_completion, nullptr},
};

constexpr const char* kVersion = "sluice " SLUICE_VERSION "\n";

const Verb* find_verb(std::string_view name) {
  const Verb* const at =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb& verb) { return verb.name == name; });
  return at == std::end(kVerbs) ? nullptr : at;
}

std::string overview() {
  std::string out =
      "Sluice, an edge load balancer for multi-tenant services.\n\nusage: sluice VERB [options]\n\n";
  for (const Verb& verb : kVerbs)
    out += fmt::format("  {:<10} {}\n             {}\n", verb.name, verb.usage, verb.does);
  out +=
      "\nFILE is /etc/sluice/sluice.yaml unless named, by --config, by -c, or alone. ADDR is HOST:PORT,\n"
      "[V6]:PORT, :PORT or unix:/PATH.\n"
      "Exit codes: 0 done, 1 invalid or failed, 2 usage, 4 running process not reachable.\n"
      "Signals to a running process: HUP reload, TERM and INT drain and stop, USR1 reopen the access log.\n";
  return out;
}

std::string usage_of(const Verb& verb) {
  return fmt::format("usage: sluice {}{}{}\n", verb.name, *verb.usage == '\0' ? "" : " ", verb.usage);
}

std::string help_of(const CLI::App& app, std::string_view name) {
  const Verb* const verb = find_verb(name);
  if (verb == nullptr) return overview();
  const CLI::App* const declared = app.get_subcommand(verb->name);
  CLI::Formatter formatter;
  return usage_of(*verb) + verb->does + "\n" + formatter.make_positionals(declared) +
         formatter.make_groups(declared, CLI::AppFormatMode::Normal);
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      out.push_back("--" + name);
  }
  return out;
}

std::vector<std::string> words_of(const Verb& verb) {
  std::vector<std::string> out;
  if (verb.name == std::string_view("help")) {
    for (const Verb& other : kVerbs)
      out.emplace_back(other.name);
    return out;
  }
  if (verb.words == std::string_view("FILE")) return out;
  for (std::istringstream words(verb.words); !words.eof();) {
    std::string word;
    if (words >> word) out.push_back(word);
  }
  return out;
}

std::vector<VerbWords> vocabulary(const CLI::App& app) {
  std::vector<VerbWords> out;
  for (const Verb& verb : kVerbs) {
    VerbWords words{verb.name, verb.does, words_of(verb), verb.words == std::string_view("FILE"), {}};
    for (const CLI::Option* option : app.get_subcommand(verb.name)->get_options()) {
      if (option->get_lnames().empty()) continue;
      const std::string& name = option->get_lnames().front();
      words.options.push_back({name, option->get_snames().empty() ? "" : option->get_snames().front(),
                               option->get_description(), option->get_items_expected_max() > 0,
                               name == "config"});
    }
    out.push_back(std::move(words));
  }
  return out;
}

// The option that CLI11 complains about: its message begins with the name, of flags without the dashes.
const CLI::Option* named_by(const CLI::App& verb, std::string_view message) {
  const auto bare = [](std::string_view text) { return text.substr(text.find_first_not_of('-')); };
  for (const CLI::Option* option : verb.get_options()) {
    const std::string name = option->get_name();
    if (!bare(message).starts_with(bare(name))) continue;
    if (bare(message).substr(bare(name).size()).find_first_of(": ") == 0) return option;
  }
  return nullptr;
}

// CLI11 says how many values it wanted and had; people want to know what they have done.
std::string mismatch(const CLI::App& verb, const CLI::ParseError& error) {
  const CLI::Option* const option = named_by(verb, error.what());
  if (option == nullptr) return error.what();
  const bool flag = option->get_items_expected_max() == 0;
  return option->get_name() + (flag                  ? " takes no value"
                               : option->count() > 0 ? " is given twice"
                                                     : " needs a value");
}

// The option that is given an empty text, as by `--config=`; or nothing.
std::string without_value(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    const std::vector<std::string>& values = option->results();
    if (std::find(values.begin(), values.end(), "") != values.end()) return option->get_name();
  }
  return {};
}

std::string unknown(const CLI::App& verb, const std::string& word) {
  const std::string name = word.substr(0, word.starts_with("--") ? word.find('=') : std::string::npos);
  const std::vector<std::string> options = options_of(verb);
  return fmt::format("unknown argument \"{}\"{}", name,
                     config::did_you_mean(name, {options.begin(), options.end()}));
}

// What is wrong with words that are each for themselves what they should be.
std::string misfit(const CLI::App& verb, const Options& options) {
  const auto given = [&](const char* name) {
    const CLI::Option* const option = verb.get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  };
  const std::string name = verb.get_name();
  if (given("--config") && given("FILE")) return "a file is named twice, by --config and alone";
  if (given("DUTY")) return misfit_duty(options, given);
  return name == "ban" || name == "tenant" ? misfit_order(name, options, given) : std::string();
}

Command complain(std::string_view problem, const Verb* verb) {
  Command out;
  out.code = kUsage;
  out.problem = problem;
  out.hint = verb == nullptr ? "see: sluice help" : fmt::format("see: sluice help {}", verb->name);
  // The nearest word is the better advice.
  if (const std::size_t end = problem.find("; did you mean"); end != std::string_view::npos) {
    out.hint = problem.substr(end + 2);
    out.problem = problem.substr(0, end);
  }
  out.error = verb == nullptr ? fmt::format("sluice: {}\nsee: sluice help\n", problem)
                              : fmt::format("sluice {}: {}\n{}see: sluice help {}\n", verb->name, problem,
                                            usage_of(*verb), verb->name);
  return out;
}

Command tell(std::string text) {
  Command out;
  out.out = std::move(text);
  return out;
}

// Options belong to a verb, and stand behind it.
Command before_verb(const std::string& word, const Verb* verb) {
  const std::string name = verb != nullptr ? verb->name : "VERB";
  return complain(fmt::format("{} stands before the verb; write \"sluice {} {}\"", word, name, word), verb);
}

Command no_such_verb(const std::string& word) {
  if (word.starts_with('-')) return before_verb(word, nullptr);
  std::vector<std::string_view> known;
  for (const Verb& verb : kVerbs)
    known.emplace_back(verb.name);
  return complain(fmt::format("unknown verb \"{}\"{}", word, config::did_you_mean(word, known)), nullptr);
}

bool stands_before(const std::vector<std::string>& arguments, std::string_view word, std::string_view verb) {
  const auto at = std::find(arguments.begin(), arguments.end(), word);
  return at < std::find(arguments.begin(), arguments.end(), verb);
}

// What parse_command answers itself.
Command answer(const CLI::App& app, const CLI::App& given) {
  if (given.get_name() == "version") return tell(kVersion);
  if (given.get_name() == "completion") {
    const auto shell = given.get_option("SHELL")->as<std::string>();
    if (const std::string problem = unfit("shell", shell, kShells); !problem.empty())
      return complain(problem, find_verb("completion"));
    return tell(completion_script(shell, vocabulary(app)));
  }
  const CLI::Option* const verb = given.get_option("VERB");
  if (verb->count() == 0) return tell(overview());
  const auto name = verb->as<std::string>();
  return find_verb(name) == nullptr ? no_such_verb(name) : tell(help_of(app, name));
}

Command parse(const std::vector<std::string>& arguments) {
  Command out;
  CLI::App app;
  app.set_help_flag("-h,--help", "print this");
  app.set_version_flag("-v,-V,--version", kVersion);
  app.require_subcommand(0, 1);
  for (const Verb& verb : kVerbs)
    verb.declare(*app.add_subcommand(verb.name), out.options);
  const auto given = [&] { return app.get_subcommands().empty() ? nullptr : app.get_subcommands().front(); };
  const auto verb = [&] { return given() == nullptr ? nullptr : find_verb(given()->get_name()); };
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 begins at the end
  } catch (const CLI::CallForHelp&) {
    return tell(help_of(app, given() == nullptr ? "" : given()->get_name()));
  } catch (const CLI::CallForVersion&) {
    return tell(kVersion);
  } catch (const CLI::ExtrasError&) {
    const std::string word = app.remaining(true).front();
    if (given() == nullptr) return no_such_verb(word);
    const std::vector<std::string> outside = app.remaining();
    const bool before =
        !outside.empty() && outside.front() == word && stands_before(arguments, word, verb()->name);
    return before ? before_verb(word, verb()) : complain(unknown(*given(), word), verb());
  } catch (const CLI::ArgumentMismatch& error) {
    return complain(mismatch(given() == nullptr ? app : *given(), error), verb());
  } catch (const CLI::ParseError& error) {
    return complain(error.what(), verb());
  }
  if (given() == nullptr) {
    out = tell(overview());
    out.code = kUsage;
    return out;
  }
  if (verb()->run == nullptr) return answer(app, *given());
  if (const std::string empty = without_value(*given()); !empty.empty())
    return complain(empty + " needs a value", verb());
  if (const std::string problem = misfit(*given(), out.options); !problem.empty())
    return complain(problem, verb());
  out.verb = verb()->run;
  const auto named = [&](const CLI::Option* option) {
    return option->count() > 0 && (option->check_lname("config") || option->get_name() == "FILE");
  };
  const std::vector<const CLI::Option*> all = std::as_const(*given()).get_options();
  out.options.file_named = std::any_of(all.begin(), all.end(), named);
  return out;
}

// The same for programs, of what is answered without a verb that runs.
void put_into_json(Command& command) {
  Report report;
  if (command.code == kUsage) {
    const bool none = command.problem.empty();
    report.fail(kUsage, none ? "a verb is missing" : command.problem,
                none ? "see: sluice help" : command.hint);
  } else if (command.out == kVersion) {
    report.members["version"] = SLUICE_VERSION;
  } else {
    return;  // help and completion are for people and shells
  }
  command.out = as_json(report);
  command.error.clear();
}

}  // namespace

Command parse_command(const std::vector<std::string>& arguments) {
  Command out = parse(arguments);
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  if (json && out.verb == nullptr) put_into_json(out);
  return out;
}

}  // namespace sluice::cli
