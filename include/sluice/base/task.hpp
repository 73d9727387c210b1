// Task<T>: a lazy coroutine, started by whoever awaits it; Detached: one that starts at once and that nobody
// awaits.
//
// Why not asio::awaitable: it accepts no foreign awaiters, and each await of it passes through an executor,
// a handler and the scheduler's queue. Here an await of a task that does not suspend is a function call.
// See docs/decisions/0001-own-event-loop.md.
//
// A child that finishes without suspending tells so to its parent by a flag instead of resuming it, so the
// stack stays flat even where the compiler makes no tail calls (unoptimised and sanitised builds).
//
// What is mostly done at once need not be a coroutine: an ordinary function does it and returns
// Task<T>::done(value), and only where it has to wait the task of a coroutine that does the rest.
//
// Ownership: the awaiting frame owns the child's. A task is awaited exactly once or never started. Frames
// come from the thread's own free lists; a task must be destroyed on the thread that made it.
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

namespace sluice {

namespace detail {

// Frames of one thread that are free, by size class. Trivially destructible, so that an access needs no
// guard; what is in it is freed all the same when the thread ends.
struct FrameLists {
  struct Free {
    Free* next;
  };
  // As malloc: idle connections are made of frames, and count every byte.
  static constexpr std::size_t kClassBytes = 16;
  // Frames of one proxied request fit well below this; larger ones are rare enough for malloc.
  static constexpr std::size_t kClasses = 128;
  static constexpr std::uint16_t kKeepPerClass = 256;

  static constexpr std::size_t class_of(std::size_t bytes) {
    return (bytes + kClassBytes - 1) / kClassBytes - 1;
  }

  std::array<Free*, kClasses> heads;
  std::array<std::uint16_t, kClasses> counts;
};
extern constinit thread_local FrameLists frame_lists;

// Where the lists have none, or have enough.
void* make_frame(std::size_t bytes);
void drop_frame(void* frame) noexcept;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kRecycleFrames = false;  // so that a sanitizer sees each frame's life
#else
inline constexpr bool kRecycleFrames = true;
#endif

}  // namespace detail

// Memory for coroutine frames, recycled per thread by size class. Throws nothing; aborts when out of memory.
// Inline: the size of a frame is known where it is made, and with it the class.
inline void* allocate_frame(std::size_t bytes) {
  using detail::FrameLists;
  const std::size_t cls = FrameLists::class_of(bytes);
  if (!detail::kRecycleFrames || cls >= FrameLists::kClasses) return detail::make_frame(bytes);
  FrameLists& lists = detail::frame_lists;
  FrameLists::Free* const frame = lists.heads[cls];
  if (frame == nullptr) return detail::make_frame(bytes);
  lists.heads[cls] = frame->next;
  --lists.counts[cls];
  return frame;
}

inline void free_frame(void* frame, std::size_t bytes) noexcept {
  using detail::FrameLists;
  const std::size_t cls = FrameLists::class_of(bytes);
  FrameLists& lists = detail::frame_lists;
  if (!detail::kRecycleFrames || cls >= FrameLists::kClasses ||
      lists.counts[cls] >= FrameLists::kKeepPerClass) {
    return detail::drop_frame(frame);
  }
  lists.heads[cls] = ::new (frame) FrameLists::Free{lists.heads[cls]};
  ++lists.counts[cls];
}

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> parent;
  bool starting = false;  // still inside the parent's await_suspend
  bool finished = false;

  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { free_frame(frame, bytes); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      PromiseBase& p = self.promise();
      p.finished = true;
      if (p.starting) return std::noop_coroutine();
      return p.parent;
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::PromiseBase {
    std::optional<T> value;
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    template <class U>
    void return_value(U&& v) {
      value.emplace(std::forward<U>(v));
    }
  };

  // A task that has nothing left to do.
  static Task done(T value) { return Task{std::move(value)}; }

  Task(Task&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)), value_(std::move(other.value_)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return !frame_; }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    auto& p = frame_.promise();
    p.parent = parent;
    p.starting = true;
    frame_.resume();
    p.starting = false;
    return !p.finished;
  }
  T await_resume() noexcept { return std::move(frame_ ? *frame_.promise().value : *value_); }

 private:
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  explicit Task(T value) : value_(std::move(value)) {}
  std::coroutine_handle<promise_type> frame_;
  std::optional<T> value_;  // without a frame: the result
};

template <>
class [[nodiscard]] Task<void> {
 public:
  struct promise_type : detail::PromiseBase {
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    void return_void() noexcept {}
  };

  // A task that has nothing left to do.
  static Task done() { return Task{nullptr}; }

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return !frame_; }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    auto& p = frame_.promise();
    p.parent = parent;
    p.starting = true;
    frame_.resume();
    p.starting = false;
    return !p.finished;
  }
  void await_resume() noexcept {}

 private:
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

// The return type of a coroutine that runs to its first suspension before its caller goes on, and frees
// itself at its end.
struct Detached {
  struct promise_type {
    static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
    static void operator delete(void* frame, std::size_t bytes) { free_frame(frame, bytes); }
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::abort(); }
  };
};

}  // namespace sluice
