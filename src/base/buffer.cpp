#include "sluice/base/buffer.hpp"

#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace sluice {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kKeep = 0;  // so that a sanitizer sees the use of a buffer that was given back
#else
constexpr std::size_t kKeep = 64;
#endif

// Free memory of the ordinary sizes, kept by the thread that freed it.
struct Store {
  std::vector<char*> tiny;
  std::vector<char*> small;
  std::vector<char*> large;
  ~Store() {
    for (char* p : tiny)
      std::free(p);
    for (char* p : small)
      std::free(p);
    for (char* p : large)
      std::free(p);
  }
  std::vector<char*>* of(std::size_t bytes) {
    if (bytes == Buffer::kTiny) return &tiny;
    if (bytes == Buffer::kSmall) return &small;
    return bytes == Buffer::kLarge ? &large : nullptr;
  }
};

thread_local Store store;

char* take(std::size_t bytes) {
  if (auto* list = store.of(bytes); list != nullptr && !list->empty()) {
    char* memory = list->back();
    list->pop_back();
    return memory;
  }
  auto* memory = static_cast<char*>(std::malloc(bytes));
  if (memory == nullptr) std::abort();
  return memory;
}

void give(char* memory, std::size_t bytes) {
  auto* list = store.of(bytes);
  if (list == nullptr || list->size() >= kKeep) {
    std::free(memory);
    return;
  }
  list->push_back(memory);
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
  }
  return *this;
}

void Buffer::reserve(std::size_t bytes) {
  if (capacity_ >= bytes) {
    compact();
    return;
  }
  std::size_t size = bytes;
  for (const std::size_t ordinary : {kLarge, kSmall, kTiny}) {
    if (bytes <= ordinary) size = ordinary;
  }
  char* fresh = take(size);
  const std::size_t held = end_ - begin_;
  if (held != 0) std::memcpy(fresh, data_ + begin_, held);
  if (data_ != nullptr) give(data_, capacity_);
  data_ = fresh;
  capacity_ = size;
  begin_ = 0;
  end_ = held;
}

void Buffer::compact() {
  if (begin_ == 0) return;
  const std::size_t held = end_ - begin_;
  if (held != 0) std::memmove(data_, data_ + begin_, held);
  begin_ = 0;
  end_ = held;
}

void Buffer::release() {
  if (data_ == nullptr) return;
  give(data_, capacity_);
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace sluice
