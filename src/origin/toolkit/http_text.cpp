#include "origin/toolkit/http_text.hpp"

namespace sluice::toolkit {

bool list_has(std::string_view list, std::string_view lower) {
  for (;;) {
    const auto comma = list.find(',');
    if (same_token(trim(list.substr(0, comma)), lower)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::toolkit
