#include "sluice/base/hash.hpp"

// The whole of it inline: no library to load at run time, and no call for a short text.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice {

std::uint64_t hash64(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace sluice
