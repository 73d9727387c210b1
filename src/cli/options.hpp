// What stands behind a verb on the command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cli {

struct OptionSpec {
  std::string_view name;  // "--config"
  bool takes_value;
  bool repeatable = false;
};

class Options {
 public:
  // Empty with a message on stderr when `arguments` do not fit. "--name=value" is the same as "--name value".
  // Up to `most_words` of them may be no options.
  static std::optional<Options> parse(const std::vector<std::string>& arguments,
                                      const std::vector<OptionSpec>& specs, std::size_t most_words = 0);

  bool has(std::string_view name) const;
  std::string value(std::string_view name, std::string otherwise = {}) const;
  std::vector<std::string> values(std::string_view name) const;
  const std::vector<std::string>& words() const { return words_; }

 private:
  struct Given {
    std::string name;
    std::string value;
  };
  std::vector<Given> given_;
  std::vector<std::string> words_;
};

}  // namespace sluice::cli
