// A look at text that may be no YAML at all: which quotes and brackets are open where.
#pragma once

#include "config/yaml_slip.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::config {

struct Bracket {
  char kind = '[';  // or '{'
  std::size_t offset = 0;
};

struct YamlScan {
  std::vector<Bracket> open;              // where the look ended, the outermost first
  std::optional<Quote> quote;             // the first that does not end, or ends where more follows
  std::optional<std::size_t> mismatch;    // the first that closes something else; `open` is of there
  std::optional<std::size_t> variable;    // a ${NAME} inside brackets, without quotes
  std::optional<std::size_t> bare_brace;  // the last value that begins with {…} and goes on
  std::optional<Slip> slip;               // the first thing that is wrong by its look
  std::optional<std::size_t> odd;         // a character that looks like another, in the last line with one
  std::vector<std::size_t> keys;          // words that may be keys without their colon: key_slip() tells
  bool to_end = false;                    // the look reached the end of the text
};

// Looks at `text` up to the line that `limit` is in.
YamlScan scan_yaml(std::string_view text, std::size_t limit);

}  // namespace sluice::config
