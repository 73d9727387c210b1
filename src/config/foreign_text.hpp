// Files that are something else than a configuration.
#pragma once

#include "config/yaml_slip.hpp"

#include <optional>
#include <string_view>

namespace sluice::config {

// Names what `text`, which could not be read, seems to be. Nothing of it is shown: it may be a secret.
std::optional<Slip> foreign_text(std::string_view text);

// Whether `text` is UTF-16, with a mark or by its first characters.
bool is_utf16(std::string_view text);

}  // namespace sluice::config
