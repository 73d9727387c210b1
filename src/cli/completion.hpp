// Completion scripts, made of what the command line takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct OptionWords {
  std::string long_name;   // without dashes
  std::string short_name;  // the same; may be empty
  std::string does;
  bool takes_value = false;
  bool takes_file = false;
};

struct VerbWords {
  std::string name;
  std::string does;
  std::vector<std::string> words;  // what may stand behind it
  bool takes_file = false;         // a file may
  std::vector<OptionWords> options;
};

inline constexpr std::string_view kShells[] = {"bash", "zsh", "fish"};

// `shell` is one of those.
std::string completion_script(std::string_view shell, const std::vector<VerbWords>& verbs);

}  // namespace sluice::cli
