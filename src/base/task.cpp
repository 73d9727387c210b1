#include "sluice/base/task.hpp"

#include <array>
#include <cstdint>

namespace sluice {
namespace {

// Frames of one proxied request fit well below this; larger ones are rare enough for malloc.
constexpr std::size_t kClassBytes =
    16;  // as malloc: idle connections are made of frames, and count every byte
constexpr std::size_t kClasses = 128;
constexpr std::uint16_t kKeepPerClass = 256;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRecycle = false;  // so that a sanitizer sees each frame's life
#else
constexpr bool kRecycle = true;
#endif

struct Free {
  Free* next;
};

struct FrameLists {
  std::array<Free*, kClasses> heads{};
  std::array<std::uint16_t, kClasses> counts{};
  ~FrameLists() {
    for (Free* head : heads) {
      while (head != nullptr) {
        Free* next = head->next;
        std::free(head);
        head = next;
      }
    }
  }
};

thread_local FrameLists lists;

}  // namespace

void* allocate_frame(std::size_t bytes) {
  const std::size_t cls = (bytes + kClassBytes - 1) / kClassBytes - 1;
  if (kRecycle && cls < kClasses && lists.heads[cls] != nullptr) {
    Free* frame = lists.heads[cls];
    lists.heads[cls] = frame->next;
    --lists.counts[cls];
    return frame;
  }
  void* frame = std::malloc((cls + 1) * kClassBytes);
  if (frame == nullptr) std::abort();
  return frame;
}

void free_frame(void* frame, std::size_t bytes) noexcept {
  const std::size_t cls = (bytes + kClassBytes - 1) / kClassBytes - 1;
  if (!kRecycle || cls >= kClasses || lists.counts[cls] >= kKeepPerClass) {
    std::free(frame);
    return;
  }
  auto* head = static_cast<Free*>(frame);
  head->next = lists.heads[cls];
  lists.heads[cls] = head;
  ++lists.counts[cls];
}

}  // namespace sluice
