// Digests that are the same on every node, and of which nobody can make two alike.
#pragma once

#include <array>
#include <string_view>

namespace sluice::limits {

using Sha256 = std::array<unsigned char, 32>;

// Allocates nothing after a thread's first.
Sha256 sha256(std::string_view text);

}  // namespace sluice::limits
