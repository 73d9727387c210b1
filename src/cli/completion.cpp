#include "cli/completion.hpp"

#include <set>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

std::vector<std::string> names_of(const std::vector<VerbWords>& verbs) {
  std::vector<std::string> out;
  for (const VerbWords& verb : verbs)
    out.push_back(verb.name);
  return out;
}

// The options whose value nobody here can know.
std::set<std::string> with_values(const std::vector<VerbWords>& verbs) {
  std::set<std::string> out;
  for (const VerbWords& verb : verbs) {
    for (const OptionWords& option : verb.options) {
      if (option.takes_value && !option.takes_file) out.insert("--" + option.long_name);
    }
  }
  return out;
}

std::string bash(const std::vector<VerbWords>& verbs) {
  std::string cases;
  for (const VerbWords& verb : verbs) {
    std::vector<std::string> options;
    for (const OptionWords& option : verb.options)
      options.push_back("--" + option.long_name);
    cases += fmt::format("    {}) first=\"{}\" words=\"{}\"{} ;;\n", verb.name, fmt::join(verb.words, " "),
                         fmt::join(options, " "), verb.takes_file ? " files=-f" : "");
  }
  return fmt::format(R"(_sluice() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local verbs="{}" first="" words="" files=""
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "$verbs" -- "$word")); return; fi
  if [ "$word" = "=" ]; then word=""; elif [ "$before" = "=" ]; then before="${{COMP_WORDS[COMP_CWORD-2]}}"; fi
  case "$before" in
    --config|-c) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    {}) COMPREPLY=(); return ;;
  esac
  case "${{COMP_WORDS[1]}}" in
{}  esac
  if [ "$COMP_CWORD" = 2 ]; then words="$first $words"; fi
  mapfile -t COMPREPLY < <(compgen $files -W "$words" -- "$word")
}}
complete -o filenames -F _sluice sluice
)",
                     fmt::join(names_of(verbs), " "), fmt::join(with_values(verbs), "|"), cases);
}

// In single quotes, where zsh's own helpers take `special` for marks of theirs.
std::string zsh_quoted(std::string_view text, std::string_view special) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "'";
}

std::string zsh_option(const OptionWords& option) {
  const std::string value = option.takes_file ? ":file:_files" : option.takes_value ? ":value:" : "";
  const std::string tail = zsh_quoted("[" + option.does + "]", ":") + value;
  if (option.short_name.empty()) return fmt::format(" '*'--{}{}", option.long_name, tail);
  return fmt::format(" '*'{{-{},--{}}}{}", option.short_name, option.long_name, tail);
}

std::string zsh(const std::vector<VerbWords>& verbs) {
  std::string names;
  std::string cases;
  for (const VerbWords& verb : verbs) {
    names += "    " + zsh_quoted(verb.name + ":" + verb.does, "") + "\n";
    cases += fmt::format("    {}) _arguments", verb.name);
    for (const OptionWords& option : verb.options)
      cases += zsh_option(option);
    if (!verb.words.empty()) cases += fmt::format(" '1:word:({})'", fmt::join(verb.words, " "));
    if (verb.takes_file) cases += " '*:file:_files'";
    cases += " ;;\n";
  }
  return fmt::format(R"(#compdef sluice
_sluice() {{
  local -a verbs
  verbs=(
{})
  if (( CURRENT == 2 )); then _describe verb verbs; return; fi
  shift words
  (( CURRENT-- ))
  case "${{words[1]}}" in
{}  esac
}}
if [ "$funcstack[1]" = _sluice ]; then _sluice "$@"; else compdef _sluice sluice; fi
)",
                     names, cases);
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_option(const std::string& where, const OptionWords& option) {
  std::string out = where;
  if (!option.short_name.empty()) out += " -s " + option.short_name;
  out += " -l " + option.long_name;
  if (option.takes_file) out += " -r -F";
  if (option.takes_value && !option.takes_file) out += " -x";
  return out + " -d " + fish_quoted(option.does) + "\n";
}

std::string fish(const std::vector<VerbWords>& verbs) {
  std::string out = "complete -c sluice -f\n";
  for (const VerbWords& verb : verbs) {
    out += fmt::format("complete -c sluice -n __fish_use_subcommand -a {} -d {}\n", verb.name,
                       fish_quoted(verb.does));
    const std::string where =
        fmt::format("complete -c sluice -n '__fish_seen_subcommand_from {}'", verb.name);
    if (verb.name == "help") {  // its words are those of verbs
      out += fmt::format("{} -a '{}'\n", where, fmt::join(verb.words, " "));
    } else if (!verb.words.empty()) {
      const std::string words = fmt::format("{}", fmt::join(verb.words, " "));
      out += fmt::format(
          "complete -c sluice -n '__fish_seen_subcommand_from {}; and not __fish_seen_subcommand_from {}' -a "
          "'{}'\n",
          verb.name, words, words);
    }
    if (verb.takes_file) out += where + " -F\n";
    for (const OptionWords& option : verb.options)
      out += fish_option(where, option);
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell, const std::vector<VerbWords>& verbs) {
  if (shell == "zsh") return zsh(verbs);
  return shell == "fish" ? fish(verbs) : bash(verbs);
}

}  // namespace sluice::cli
