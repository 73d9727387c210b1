// Command lines of the tool programs, taken apart by CLI11. It takes long to compile: to be included where a
// program's options are declared, and nowhere else.
#pragma once

#include "origin/toolkit/units.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::toolkit {

[[noreturn]] inline void reject(const std::string& name, std::string_view value, std::string_view expected) {
  throw UsageError(fmt::format("{}: \"{}\" is not {}", name, value, expected));
}

// An option whose value `read` understands; it is called with the option's name and the value. Given again,
// the last one counts, so that scripts can put defaults in front.
template <class Read>
void add_read(CLI::App& app, const std::string& name, Read read) {
  app.add_option_function<std::string>(name, [name, read](const std::string& text) { read(name, text); })
      ->take_last();
}

inline void add_text(CLI::App& app, const std::string& name, std::string& into) {
  app.add_option(name, into)->take_last();
}

// Given again, it adds one more.
template <class Read>
void add_each(CLI::App& app, const std::string& name, Read read) {
  app.add_option_function<std::vector<std::string>>(name,
                                                    [read](const std::vector<std::string>& all) {
                                                      for (const std::string& text : all)
                                                        read(text);
                                                    })
      ->allow_extra_args(false)
      ->take_all();
}

inline void add_flag(CLI::App& app, const std::string& name, bool& into) {
  app.add_flag(name, into)->disable_flag_override();
}

// A whole number, at least `least`; one above `most` counts as `most`.
template <class Number>
void add_number(CLI::App& app, const std::string& name, Number& into, std::uint64_t least,
                std::uint64_t most) {
  add_read(app, name, [&into, least, most](const std::string& option, std::string_view text) {
    const auto number = parse_number(text);
    if (!number || *number < least) reject(option, text, fmt::format("a whole number, at least {}", least));
    into = static_cast<Number>(std::min(*number, most));
  });
}

template <class Number>
void add_size(CLI::App& app, const std::string& name, Number& into) {
  add_read(app, name, [&into](const std::string& option, std::string_view text) {
    const auto size = parse_size(text);
    if (!size) reject(option, text, "a size such as 100, 16KiB or 1MiB");
    into = *size;
  });
}

// `into` takes std::chrono::nanoseconds.
template <class Into>
void add_duration(CLI::App& app, const std::string& name, Into into) {
  add_read(app, name, [into](const std::string& option, std::string_view text) {
    const auto duration = parse_duration(text);
    if (!duration) reject(option, text, "a duration such as 250ms, 5s or 2m");
    into(*duration);
  });
}

// One of two words.
template <class Value>
void add_choice(CLI::App& app, const std::string& name, Value& into, std::pair<std::string_view, Value> one,
                std::pair<std::string_view, Value> other) {
  add_read(app, name, [&into, one, other](const std::string& option, std::string_view text) {
    if (text != one.first && text != other.first)
      reject(option, text, fmt::format("{} or {}", one.first, other.first));
    into = text == one.first ? one.second : other.second;
  });
}

// The option that CLI11 complains about: its message begins with the name, of flags without the dashes.
inline const CLI::Option* named_by(const CLI::App& app, std::string_view message) {
  const auto bare = [](std::string_view text) { return text.substr(text.find_first_not_of('-')); };
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (!bare(message).starts_with(bare(name))) continue;
    if (bare(message).substr(bare(name).size()).find_first_of(": ") == 0) return option;
  }
  return nullptr;
}

// CLI11 says how many values it wanted and had; people want to know what they have done.
inline std::string mismatch(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::Option* const option = named_by(app, error.what());
  if (option == nullptr) return error.what();
  const int wanted = option->get_items_expected_min();
  return option->get_name() + (option->get_items_expected_max() == 0 ? " takes no value"
                               : wanted == 1                         ? " needs a value"
                                             : fmt::format(" needs {} values", wanted));
}

// False: the program is asked for its help text. Throws UsageError.
inline bool parse(CLI::App& app, int argc, char** argv) {
  app.set_help_flag("-h,--help");
  for (CLI::App* verb : app.get_subcommands({}))
    verb->set_help_flag("-h,--help");
  const auto given = [&]() -> const CLI::App& {
    return app.get_subcommands().empty() ? app : *app.get_subcommands().front();
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ExtrasError&) {
    const std::string word = app.remaining(true).front();
    const bool option = word.starts_with('-');
    const bool verb = !option && app.get_subcommands().empty() && !app.get_subcommands({}).empty();
    throw UsageError(fmt::format("{} {}",
                                 option ? "unknown option"
                                 : verb ? "unknown verb"
                                        : "unexpected argument",
                                 word.substr(0, option ? word.find('=') : std::string::npos)));
  } catch (const CLI::ArgumentMismatch& error) {
    throw UsageError(mismatch(given(), error));
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  return true;
}

}  // namespace sluice::toolkit
