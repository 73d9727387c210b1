#include "origin/content.hpp"

#include <algorithm>
#include <array>

namespace sluice::origin {
namespace {

constexpr std::size_t period = 89;

// Long enough that a large body goes out in few system calls, and small enough to stay in the cache.
const auto& pattern_block() {
  static const auto block = [] {
    std::array<char, period * 4096> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>('!' + i % period);
    return bytes;
  }();
  return block;
}

}  // namespace

std::string_view Content::piece(std::uint64_t offset, std::uint64_t most) const {
  const auto wanted = std::min(most, size() - std::min(offset, size()));
  if (pattern_ == 0) return std::string_view(text_).substr(offset, wanted);
  const auto& block = pattern_block();
  const std::size_t start = offset % period;
  return {block.data() + start, std::min<std::size_t>(wanted, block.size() - start)};
}

}  // namespace sluice::origin
