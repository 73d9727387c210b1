#include "sluice/base/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace sluice {
namespace {

// More are in use at a time only while so many clients are slow at once.
constexpr std::size_t kMostKept = 16;

void close_both(int source, int sink) {
  ::close(source);
  ::close(sink);
}

struct Kept {
  std::vector<std::pair<int, int>> pipes;
  ~Kept() {
    for (const auto& [source, sink] : pipes)
      close_both(source, sink);
  }
  static Kept& of_thread() {
    thread_local Kept kept;
    return kept;
  }
};

}  // namespace

Pipe Pipe::borrow() {
  auto& pipes = Kept::of_thread().pipes;
  if (!pipes.empty()) {
    const auto [source, sink] = pipes.back();
    pipes.pop_back();
    return {source, sink};
  }
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {-1, -1};
  return {ends[0], ends[1]};
}

Pipe::~Pipe() {
  if (sink_ < 0) return;
  auto& pipes = Kept::of_thread().pipes;
  if (held_ != 0 || pipes.size() >= kMostKept) {
    close_both(source_, sink_);
  } else {
    pipes.emplace_back(source_, sink_);
  }
}

}  // namespace sluice
