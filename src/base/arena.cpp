#include "sluice/base/arena.hpp"

#include <algorithm>

namespace sluice {

void* Arena::allocate_chunk(std::size_t bytes) {
  constexpr std::size_t kChunk = 8 * 1024;
  const std::size_t size = std::max(kChunk, bytes);
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(size));
  char* chunk = chunks_.back().get();
  // A large piece gets a chunk of its own, so that the rest of the current one is not given up for it.
  if (bytes > kChunk / 2) return chunk;
  current_ = chunk;
  capacity_ = size;
  used_ = bytes;
  return chunk;
}

}  // namespace sluice
