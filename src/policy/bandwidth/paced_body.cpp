#include "policy/bandwidth/paced_body.hpp"

namespace sluice::policy {

using http::BodyStep;

struct PacedBody::Pause {
  PacedBody& body;
  net::Waiter waiter{};
  bool await_ready() const noexcept { return body.stopped_; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    body.waiter_ = &waiter;
    body.deadline_.arm(body.loop_, body.pacer_.due());
  }
  void await_resume() const noexcept {}
};

BodyStep PacedBody::poll(std::string_view& piece) {
  if (stopped_) return BodyStep::failed;
  if (held_.empty()) {
    const BodyStep step = inner().poll(held_);
    if (step == BodyStep::wait) pacer_.idle();
    if (step != BodyStep::data) return step;
  }
  const std::uint64_t most = pacer_.grant(held_.size(), loop_.now());
  if (most == 0) return BodyStep::wait;
  piece = held_.substr(0, most);
  held_.remove_prefix(piece.size());
  return BodyStep::data;
}

Task<void> PacedBody::fill() { return held_.empty() ? inner().fill() : pause(); }

Task<void> PacedBody::pause() { co_await Pause{*this}; }

void PacedBody::release() {
  if (held_.empty()) inner().release();
}

void PacedBody::stop() {
  stopped_ = true;
  inner().stop();
  wake();
}

Error PacedBody::error() const {
  const Error error = inner().error();
  return error || !stopped_ ? error : Error{ErrorKind::cancelled, Side::downstream};
}

void PacedBody::wake() {
  deadline_.disarm();
  if (waiter_ != nullptr) loop_.wake(*std::exchange(waiter_, nullptr));
}

}  // namespace sluice::policy
