#include "sluice/base/task.hpp"

namespace sluice::detail {

constinit thread_local FrameLists frame_lists{};

namespace {

// Frees what a thread's lists hold when it ends. Where nothing was kept there is nothing to free, and a frame
// can be kept only after it was made here.
struct Sweeper {
  void arm() {}
  ~Sweeper() {
    for (FrameLists::Free*& head : frame_lists.heads) {
      while (head != nullptr)
        std::free(std::exchange(head, head->next));
    }
    // What is freed from now on is not kept.
    frame_lists.counts.fill(FrameLists::kKeepPerClass);
  }
};
thread_local Sweeper sweeper;

}  // namespace

void* make_frame(std::size_t bytes) {
  sweeper.arm();
  void* frame = std::malloc((FrameLists::class_of(bytes) + 1) * FrameLists::kClassBytes);
  if (frame == nullptr) std::abort();
  return frame;
}

void drop_frame(void* frame) noexcept { std::free(frame); }

}  // namespace sluice::detail
