// ${NAME} in values.
#pragma once

#include "config/text.hpp"

#include <string>
#include <string_view>

namespace sluice::config {

// `raw` with every ${NAME} replaced by that environment variable, and $${ by a plain ${. What a variable
// holds is not looked at again. An unset variable, a malformed name or a missing brace is an error;
// so are variables that make empty text of what was not.
Parsed<std::string> expand(std::string_view raw);

// Whether `raw` is one ${NAME} and nothing else.
bool is_variable(std::string_view raw);

}  // namespace sluice::config
