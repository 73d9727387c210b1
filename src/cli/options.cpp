#include "cli/options.hpp"

#include "sluice/config/load.hpp"

#include <algorithm>
#include <iostream>

namespace sluice::cli {
namespace {

const OptionSpec* find_spec(const std::vector<OptionSpec>& specs, std::string_view name) {
  const auto at =
      std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& s) { return s.name == name; });
  return at == specs.end() ? nullptr : &*at;
}

void complain_unknown(const std::string& name, const std::vector<OptionSpec>& specs) {
  std::vector<std::string_view> known;
  for (const OptionSpec& spec : specs)
    known.push_back(spec.name);
  std::cerr << "sluice: unknown argument \"" << name << "\"" << config::did_you_mean(name, known) << "\n";
}

}  // namespace

std::optional<Options> Options::parse(const std::vector<std::string>& arguments,
                                      const std::vector<OptionSpec>& specs, std::size_t most_words) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].starts_with("--") ? arguments[i].find('=') : std::string::npos;
    const std::string name = arguments[i].substr(0, equals);
    const OptionSpec* spec = find_spec(specs, name);
    if (spec == nullptr && !name.starts_with('-') && out.words_.size() < most_words) {
      out.words_.push_back(arguments[i]);
      continue;
    }
    if (spec == nullptr) {
      complain_unknown(name, specs);
      return std::nullopt;
    }
    if (!spec->repeatable && out.has(name)) {
      std::cerr << "sluice: " << name << " is given twice\n";
      return std::nullopt;
    }
    if (spec->takes_value == (equals == std::string::npos) &&
        (!spec->takes_value || i + 1 == arguments.size())) {
      std::cerr << "sluice: " << name << (spec->takes_value ? " needs a value\n" : " takes no value\n");
      return std::nullopt;
    }
    std::string value;
    if (spec->takes_value)
      value = equals == std::string::npos ? arguments[++i] : arguments[i].substr(equals + 1);
    out.given_.push_back({name, std::move(value)});
  }
  return out;
}

bool Options::has(std::string_view name) const {
  return std::any_of(given_.begin(), given_.end(), [&](const Given& g) { return g.name == name; });
}

std::string Options::value(std::string_view name, std::string otherwise) const {
  for (const Given& given : given_) {
    if (given.name == name) return given.value;
  }
  return otherwise;
}

std::vector<std::string> Options::values(std::string_view name) const {
  std::vector<std::string> out;
  for (const Given& given : given_) {
    if (given.name == name) out.push_back(given.value);
  }
  return out;
}

}  // namespace sluice::cli
