#include "http2/body_pipe.hpp"

#include "http2/session.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http2 {

using http::BodyStep;

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

void BodyPipe::start(Session& session, std::uint32_t stream, Side side) {
  session_ = &session;
  stream_ = stream;
  side_ = side;
  session.start_window(window_);
  chunks_.clear();
  first_ = 0;
  error_ = {};
  trailers_.clear();
  expected_.reset();
  received_ = bytes_ = most_ = 0;
  unsettled_ = ended_ = hold_last_ = false;
}

bool BodyPipe::push(std::string_view data) {
  received_ += data.size();
  if (expected_ && received_ > *expected_) return false;
  if (data.empty()) return true;
  if (error_) return true;  // nobody reads any more
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
  window_.end(unread());
  wake();
  return !expected_ || received_ == *expected_;
}

void BodyPipe::skip() {
  unsettled_ = true;
  settle();
}

void BodyPipe::fail(const Error& error) {
  if (!error_) error_ = error;
  wake();
}

void BodyPipe::close() {
  chunks_.clear();
  first_ = 0;
  ended_ = true;
  window_.end(0);
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
    unsettled_ = true;
    if (most_ != 0 && bytes_ > most_) {
      error_ = broken(Rule::body_size, side_);
      return BodyStep::failed;
    }
    return BodyStep::data;
  }
  return ended_ ? BodyStep::end : BodyStep::wait;
}

std::uint64_t BodyPipe::to_come() const {
  if (!expected_) return UINT64_MAX;
  return *expected_ > received_ ? *expected_ - received_ : 0;
}

void BodyPipe::open_wide() {
  const std::int64_t advance = window_budget().advance();
  if (advance == 0) return;
  window_.widen(std::min(advance, session_->reach()));
  refill();
}

// What was read is gone, and the peer may send as much again.
void BodyPipe::settle() {
  if (!std::exchange(unsettled_, false)) return;
  if (ended_) return window_.end(unread());
  if (window_.is_small_for(bytes_, to_come())) window_.widen(session_->reach());
  if (window_.wide()) session_->measure();
  refill();
}

void BodyPipe::refill() {
  const std::int64_t more = window_.refill(unread(), to_come());
  if (more != 0) session_->send_window_update(stream_, static_cast<std::uint32_t>(more));
}

// The window is opened for what is no longer in memory, never before.
void BodyPipe::release() {
  if (!unsettled_) return;
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
