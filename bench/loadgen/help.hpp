// What --help prints.
#pragma once

#include <string_view>

namespace sluice::bench {

extern const std::string_view help_text;

}  // namespace sluice::bench
