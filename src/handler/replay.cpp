#include "sluice/handler/replay.hpp"

#include <utility>

namespace sluice::handler {

using http::BodyStep;

BodyStep Replay::poll(std::string_view& piece) {
  if (stopped_) return BodyStep::failed;
  if (keeping_ && at_ < kept_.size()) {
    piece = std::string_view(kept_).substr(at_);
    at_ = kept_.size();
    return BodyStep::data;
  }
  if (pulling_) return BodyStep::wait;
  const BodyStep step = source_.poll(piece);
  if (step != BodyStep::data || !keeping_) return step;
  // Pieces given out before must stay where they are: no growth beyond what was reserved.
  if (kept_.capacity() < most_) kept_.reserve(most_);
  keeping_ = kept_.size() + piece.size() <= most_;
  if (!keeping_) return step;
  kept_.append(piece);
  at_ = kept_.size();
  return step;
}

Task<void> Replay::fill() {
  if (stopped_) co_return;
  if (!pulling_) {
    pulling_ = true;
    pull();
  }
  if (pulling_) co_await Wait{*this};
}

Detached Replay::pull() {
  co_await source_.fill();
  pulling_ = false;
  wake();
}

void Replay::wake() {
  if (waiting_ != nullptr) loop_.wake(*std::exchange(waiting_, nullptr));
}

void Replay::stop() {
  stopped_ = true;
  wake();
}

Error Replay::error() const {
  if (stopped_) return {ErrorKind::cancelled, Side::downstream};
  return source_.error();
}

Task<void> Replay::finish() {
  if (!pulling_) co_return;
  source_.stop();
  while (pulling_)
    co_await Wait{*this};
}

}  // namespace sluice::handler
