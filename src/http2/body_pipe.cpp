#include "http2/body_pipe.hpp"

#include "http2/session.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http2 {

using http::BodyStep;

namespace {

// A stream whose reader keeps up gets a larger window, so that a long way to the peer does not slow it.
constexpr std::int64_t kLargestTarget = 512 * 1024;

}  // namespace

struct BodyPipe::Wait {
  BodyPipe& pipe;
  net::Waiter waiter{};
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    pipe.waiter_ = &waiter;
    pipe.deadline_.arm(pipe.session_->loop(), pipe.session_->loop().now() + pipe.stall_);
  }
  void await_resume() const noexcept {}
};

void BodyPipe::start(Session& session, std::uint32_t stream, Side side, std::int64_t window) {
  session_ = &session;
  stream_ = stream;
  side_ = side;
  window_ = target_ = first_window_ = window;
  chunks_.clear();
  first_ = 0;
  error_ = {};
  trailers_.clear();
  expected_.reset();
  received_ = bytes_ = most_ = unsettled_ = 0;
  ended_ = hold_last_ = false;
}

bool BodyPipe::admit(std::uint32_t bytes) {
  if (bytes > window_) return false;
  window_ -= bytes;
  return true;
}

bool BodyPipe::push(std::string_view data) {
  received_ += data.size();
  if (expected_ && received_ > *expected_) return false;
  if (data.empty()) return true;
  if (error_) {  // nobody reads any more
    unsettled_ += data.size();
    settle();
    return true;
  }
  if (!chunks_.empty()) {
    Buffer& last = chunks_.back().memory;
    const std::size_t fits = std::min(last.room().size(), data.size());
    std::memcpy(last.room().data(), data.data(), fits);
    last.commit(fits);
    data.remove_prefix(fits);
    first_ = std::min(first_, chunks_.size() - 1);
  }
  if (!data.empty()) {
    Chunk& fresh = chunks_.emplace_back();
    // Small messages are many; a body that goes on gets more room at once.
    fresh.memory.reserve(received_ > Buffer::kSmall ? Buffer::kLarge : data.size());
    std::memcpy(fresh.memory.room().data(), data.data(), data.size());
    fresh.memory.commit(data.size());
  }
  wake();
  return true;
}

bool BodyPipe::finish() {
  ended_ = true;
  wake();
  return !expected_ || received_ == *expected_;
}

void BodyPipe::skip(std::uint32_t bytes) {
  unsettled_ += bytes;
  settle();
}

void BodyPipe::fail(const Error& error) {
  if (!error_) error_ = error;
  wake();
}

void BodyPipe::close() {
  for (const Chunk& chunk : chunks_)
    unsettled_ += chunk.unread().size();
  chunks_.clear();
  first_ = 0;
  ended_ = true;  // no more window for the stream
  settle();
  session_->shrink(std::exchange(target_, first_window_) - first_window_);
  deadline_.disarm();
}

// What may be handed out now.
std::uint64_t BodyPipe::available() const {
  const bool held = hold_last_ && !ended_ && expected_ && received_ == *expected_;
  return received_ - bytes_ - (held && received_ != bytes_ ? 1 : 0);
}

BodyStep BodyPipe::poll(std::string_view& piece) {
  if (error_) return BodyStep::failed;
  const std::uint64_t most = available();
  while (most != 0 && first_ < chunks_.size()) {
    Chunk& chunk = chunks_[first_];
    piece = chunk.unread().substr(0, most);
    if (piece.empty()) {
      ++first_;
      continue;
    }
    chunk.read += piece.size();
    bytes_ += piece.size();
    unsettled_ += piece.size();
    if (most_ != 0 && bytes_ > most_) {
      error_ = {ErrorKind::body_too_large, side_};
      return BodyStep::failed;
    }
    return BodyStep::data;
  }
  return ended_ ? BodyStep::end : BodyStep::wait;
}

// What was read is gone, and the peer may send as much again.
void BodyPipe::settle() {
  const std::uint64_t bytes = std::exchange(unsettled_, 0);
  if (bytes == 0) return;
  session_->credit(static_cast<std::uint32_t>(bytes));
  if (ended_) return;
  std::int64_t grown = target_;
  const auto outstanding = static_cast<std::int64_t>(received_ - bytes_);
  if (outstanding == 0 && target_ < kLargestTarget && received_ > static_cast<std::uint64_t>(target_)) {
    grown = std::min(target_ * 2, kLargestTarget);
  }
  // Small steps cost a frame each; half a window is soon enough.
  const std::int64_t missing = grown - outstanding - window_;
  if (missing < target_ / 2) return;
  if (grown > target_ && !session_->grow(grown - target_)) return open_window(missing - (grown - target_));
  target_ = grown;
  open_window(missing);
}

void BodyPipe::open_window(std::int64_t missing) {
  if (missing <= 0) return;
  window_ += missing;
  session_->send_window_update(stream_, static_cast<std::uint32_t>(missing));
}

// The windows are opened for what is no longer in memory, never before.
void BodyPipe::release() {
  if (unsettled_ == 0) return;
  std::erase_if(chunks_, [](const Chunk& chunk) { return chunk.unread().empty(); });
  first_ = 0;
  settle();
}

Task<void> BodyPipe::fill() {
  release();
  while (!error_ && !ended_ && available() == 0) {
    co_await Wait{*this};
  }
}

void BodyPipe::wake() {
  if (waiter_ == nullptr) return;
  deadline_.disarm();
  session_->loop().wake(*std::exchange(waiter_, nullptr));
}

void BodyPipe::stop() {
  if (ended_ && first_ >= chunks_.size()) return;
  fail({ErrorKind::cancelled, side_});
}

void BodyPipe::on_deadline(void* self) {
  auto& pipe = *static_cast<BodyPipe*>(self);
  pipe.fail({ErrorKind::timed_out, pipe.side_});
}

}  // namespace sluice::http2
