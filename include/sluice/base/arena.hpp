// Memory that lives as long as one exchange: bump allocation, freed all at once. Only trivially destructible
// things go in. The first few kilobytes are part of the arena itself, so an ordinary request allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sluice {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(std::size_t bytes, std::size_t align = alignof(std::max_align_t)) {
    const std::size_t at = (used_ + align - 1) & ~(align - 1);
    if (at + bytes <= capacity_) {
      used_ = at + bytes;
      return current_ + at;
    }
    return allocate_chunk(bytes);
  }

  template <class T>
  T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }

  std::string_view copy(std::string_view text) {
    char* at = array<char>(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

  std::string_view join(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const auto part : parts)
      size += part.size();
    char* const out = array<char>(size);
    char* at = out;
    for (const auto part : parts) {
      if (!part.empty()) std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
    return {out, size};
  }

  // Everything handed out becomes invalid.
  void reset() {
    chunks_.clear();
    current_ = first_;
    capacity_ = sizeof first_;
    used_ = 0;
  }

 private:
  void* allocate_chunk(std::size_t bytes);

  alignas(std::max_align_t) char first_[3072];
  char* current_ = first_;
  std::size_t capacity_ = sizeof first_;
  std::size_t used_ = 0;
  std::vector<std::unique_ptr<char[]>> chunks_;
};

}  // namespace sluice
