#include "http2/stream.hpp"

#include "http2/session.hpp"

#include <algorithm>
#include <utility>

namespace sluice::http2 {

using http::BodyStep;

// co_await: until the body's reader is needed again, or all is sent, or nothing more can be.
struct Stream::Turn {
  Stream& stream;
  Sent result = Sent::more;
  net::Waiter waiter{};

  bool await_ready() {
    Session& session = *stream.session_;
    if (stream.lost_ || stream.local_ended_) {
      result = stream.lost_ ? Sent::failed : Sent::ended;
      return true;
    }
    // Nobody else waits: no need to queue.
    while (result == Sent::more && session.ready_.empty() && session.has_room())
      result = stream.send_frame();
    return result != Sent::more && result != Sent::waits_for_window;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    waiter.handle = handle;
    stream.turn_ = this;
    Session& session = *stream.session_;
    session.ready_.push_back(&stream);
    stream.stall_.arm(session.loop(), session.loop().now() + stream.stall_after_);
    session.schedule();
  }
  Sent await_resume() const noexcept { return result; }
};

void Stream::open(Session& session, std::uint32_t id) {
  session_ = &session;
  id_ = id;
  window_ = session.peer_initial_window_;
  received_.start(session, id, session.peer());
  priority_ = {};
  body_ = nullptr;
  pending_ = {};
  lost_ = {};
  served_ = 0;
  step_ = BodyStep::end;
  gone_ = Gone::no;
  data_allowed_ = true;
  local_ended_ = remote_ended_ = false;
}

void Stream::prepare(http::BodySource& body, std::string_view own_field, std::uint64_t& counter) {
  body_ = &body;
  own_field_ = own_field;
  counter_ = &counter;
  pending_ = {};
  step_ = BodyStep::data;
}

// One DATA frame of what is here, or the end.
Stream::Sent Stream::send_frame() {
  Session& session = *session_;
  if (pending_.empty() && step_ == BodyStep::data) step_ = body_->poll(pending_);
  if (pending_.empty()) {
    if (step_ == BodyStep::failed) return Sent::failed;
    if (step_ == BodyStep::wait) return Sent::waits_for_body;
    finish_body();
    return Sent::ended;
  }
  const std::int64_t window = std::min({window_, session.send_window_, std::int64_t{kFramePayload}});
  if (window <= 0) return Sent::waits_for_window;
  const auto most = static_cast<std::size_t>(window);
  char* const at = session.begin_frame(most);
  std::size_t size = 0;
  while (size < most && !pending_.empty()) {
    const std::size_t fits = std::min(pending_.size(), most - size);
    std::memcpy(at + kFrameHead + size, pending_.data(), fits);
    size += fits;
    pending_.remove_prefix(fits);
    if (!pending_.empty()) break;
    body_->release();
    step_ = body_->poll(pending_);
  }
  const bool end = pending_.empty() && step_ == BodyStep::end && body_->trailers().size() == 0;
  put_frame_head(
      at, {static_cast<std::uint32_t>(size), FrameType::data, end ? kEndStream : std::uint8_t{0}, id_});
  session.end_frame(size);
  window_ -= static_cast<std::int64_t>(size);
  session.data_sent(size, !pending_.empty());
  *counter_ += size;
  if (!end) return Sent::more;
  local_ended_ = true;
  return Sent::ended;
}

// END_STREAM by itself, with the trailers if there are any.
void Stream::finish_body() {
  local_ended_ = true;
  const auto& trailers = body_->trailers().all();
  const auto wanted = [this](const http::Field& field) {
    return !field.dropped && (own_field_.empty() || !http::same_variable(field.name, own_field_));
  };
  // A block once begun must be sent: it may carry a change of the table.
  if (std::none_of(trailers.begin(), trailers.end(), wanted)) {
    return session_->append_frame({0, FrameType::data, kEndStream, id_}, {});
  }
  std::string& block = session_->begin_block();
  for (const http::Field& field : trailers) {
    if (wanted(field)) session_->encoder().field(block, field.name, field.value, field.id);
  }
  session_->send_block(*this, block, true);
}

bool Stream::send_what_is_here(http::BodySource& body, std::string_view own_field, std::uint64_t& counter) {
  prepare(body, own_field, counter);
  Sent sent = Sent::more;
  while (sent == Sent::more && session_->ready_.empty() && session_->has_room())
    sent = send_frame();
  return sent == Sent::ended;
}

Task<Error> Stream::send_body(http::BodySource& body, std::string_view own_field, Nanos stall,
                              std::uint64_t& counter) {
  if (body_ != &body) prepare(body, own_field, counter);
  stall_after_ = stall;
  for (;;) {
    const Sent sent = co_await Turn{*this};
    if (lost_) co_return lost_;
    if (sent == Sent::ended) co_return Error{};
    if (sent == Sent::failed) co_return body.error();
    co_await body.fill();
    step_ = BodyStep::data;
  }
}

// The scheduler is through with this stream for now.
void Stream::settle_turn(Sent result) {
  session_->drop_turn(*this);
  stall_.disarm();
  turn_->result = result;
  session_->loop().wake(std::exchange(turn_, nullptr)->waiter);
}

void Stream::lose(const Error& error, Gone how) {
  if (lost_) return;
  lost_ = error;
  gone_ = how;
  // A response that has come to its end is good whatever becomes of the connection; a request whose client is
  // gone is of no use to anybody.
  if (session_->role_ == Role::server || !remote_ended_) received_.fail(error);
  if (turn_ != nullptr) settle_turn(Sent::failed);
  on_lost();
}

void Stream::end_without_body() {
  if (lost_ || local_ended_) return;
  local_ended_ = true;
  session_->append_frame({0, FrameType::data, kEndStream, id_}, {});
}

void Stream::abandon(Code code) {
  session_->send_reset(id_, code);
  gone_ = Gone::by_us;
  local_ended_ = true;
}

void Stream::stop_sending() {
  local_ended_ = true;
  if (turn_ != nullptr) settle_turn(Sent::ended);
}

void Stream::on_stall(void* self) {
  auto& stream = *static_cast<Stream*>(self);
  stream.session_->send_stalled(stream);
}

}  // namespace sluice::http2
