// Files that are read whole, and their lines.
#pragma once

#include "origin/toolkit/http_text.hpp"

#include <string>
#include <string_view>

namespace sluice::bench {

// Throws std::runtime_error.
std::string read_file(const std::string& path);

// Calls visit(line) for every line, also for a last one without a line end.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  std::string_view line;
  while (toolkit::next_line(text, line))
    visit(line);
  if (!text.empty()) visit(text);
}

}  // namespace sluice::bench
