// Well-formed UTF-8 (RFC 3629), told from other bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

// Length of the well-formed sequence at the start of `text`, which is not empty; 0 when there is none.
std::size_t utf8_length(std::string_view text);

// Offset of the first byte that does not belong to well-formed UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace sluice
