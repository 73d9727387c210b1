// What a session sends, and in which order.
#include "http2/session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::http2 {
namespace {

// What a DATA frame sent earns: simple clients answer each with two WINDOW_UPDATEs.
constexpr std::uint32_t kEarned = 4;

}  // namespace

// co_await: until there is something to write.
struct Session::Output {
  Session& session;
  net::Waiter waiter{};
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    session.output_ = this;
  }
  void await_resume() const noexcept {}
};

void Session::schedule() {
  if (output_ != nullptr) loop().wake_late(std::exchange(output_, nullptr)->waiter);
}

// Room for `bytes`, to be committed by the caller.
char* Session::append(std::size_t bytes) {
  if (out_.room().size() < bytes) {
    const std::size_t wanted = out_.size() + bytes;
    out_.reserve(wanted > Buffer::kLarge ? wanted + Buffer::kLarge : wanted);
  }
  return out_.room().data();
}

char* Session::begin_frame(std::size_t most) {
  in_frame_ = true;
  return append(kFrameHead + most);
}

void Session::end_frame(std::size_t bytes) {
  out_.commit(kFrameHead + bytes);
  in_frame_ = false;
  if (held_.empty()) return;
  std::memcpy(append(held_.size()), held_.data(), held_.size());
  out_.commit(held_.size());
  held_.clear();
}

void Session::append_frame(const FrameHead& head, std::string_view payload) {
  if (!alive()) return;  // the last has been said
  FrameHead full = head;
  full.length = static_cast<std::uint32_t>(payload.size());
  if (in_frame_) {
    char head_bytes[kFrameHead];
    put_frame_head(head_bytes, full);
    held_.append(head_bytes, kFrameHead).append(payload);
    return;
  }
  char* const at = append(kFrameHead + payload.size());
  put_frame_head(at, full);
  if (!payload.empty()) std::memcpy(at + kFrameHead, payload.data(), payload.size());
  out_.commit(kFrameHead + payload.size());
  schedule();
}

void Session::send_window_update(std::uint32_t stream, std::uint32_t bytes) {
  char payload[4];
  put32(payload, bytes);
  append_frame({0, FrameType::window_update, 0, stream}, {payload, sizeof payload});
}

void Session::send_reset(std::uint32_t stream, Code code) {
  char payload[4];
  put32(payload, static_cast<std::uint32_t>(code));
  append_frame({0, FrameType::rst_stream, 0, stream}, {payload, sizeof payload});
}

void Session::send_goaway(std::uint32_t last, Code code) {
  char payload[8];
  put32(payload, last);
  put32(payload + 4, static_cast<std::uint32_t>(code));
  append_frame({0, FrameType::goaway, 0, 0}, {payload, sizeof payload});
}

void Session::send_ping(std::string_view opaque) { append_frame({0, FrameType::ping, 0, 0}, opaque); }

std::string& Session::begin_block() {
  thread_local std::string block;
  block.clear();
  encoder_.begin(block);
  return block;
}

void Session::send_block(Stream& stream, const std::string& block, bool end_stream) {
  std::string_view left = block;
  FrameHead head{0, FrameType::headers, end_stream ? kEndStream : std::uint8_t{0}, stream.id_};
  for (;;) {
    const std::string_view part = left.substr(0, kFramePayload);
    left.remove_prefix(part.size());
    if (left.empty()) head.flags |= kEndHeaders;
    append_frame(head, part);
    if (left.empty()) break;
    head = {0, FrameType::continuation, 0, stream.id_};
  }
  control_.put_back();
  if (end_stream) stream.local_ended_ = true;
}

Detached Session::write_all() {
  while (!dead_) {
    if (!closing_) pump();
    if (out_.empty()) {
      out_.release();
      if (closing_) break;
      co_await Output{*this};
      continue;
    }
    iovec piece{out_.data(), out_.size()};
    std::span<iovec> pieces(&piece, 1);
    const net::IoResult sent = transport_->write(pieces);
    out_.consume(sent.bytes);
    Error error;
    if (sent.status == net::IoStatus::error) error = {.kind = ErrorKind::reset, .cause = sent.cause};
    if (sent.status == net::IoStatus::would_block) error = co_await flush();
    if (error) fail(error);
    if (out_.size() < kMostUnsent / 2) resume_reading();
  }
  if (!dead_) transport_->shutdown_write();
  writer_done_ = true;
  maybe_end();
}

// The kernel is full: waits until it takes what the transport still holds (TLS takes more than it sends).
Task<Error> Session::flush() {
  for (;;) {
    const ErrorKind waited = co_await transport_->writable(loop().now() + limits_.stall);
    if (waited != ErrorKind::none) co_return Error{waited, Side::internal};
    std::span<iovec> nothing;
    const net::IoResult sent = transport_->write(nothing);
    if (sent.status == net::IoStatus::ok) co_return Error{};
    if (sent.status == net::IoStatus::error) co_return Error{.kind = ErrorKind::reset, .cause = sent.cause};
  }
}

bool Session::may_send(const Stream& stream) const {
  return stream.pending_.empty() || (stream.window_ > 0 && send_window_ > 0);
}

// RFC 9218 §10: by urgency; among equals one after the other, but for those that said that pieces help them
// (and those that said nothing), which take turns.
Stream* Session::next_to_send() {
  Stream* best = nullptr;
  const auto before = [](const Stream& a, const Stream& b) {
    if (a.priority_.urgency != b.priority_.urgency) return a.priority_.urgency < b.priority_.urgency;
    if (a.priority_.incremental != b.priority_.incremental) return b.priority_.incremental;
    return a.priority_.incremental ? a.served_ < b.served_ : a.id_ < b.id_;
  };
  for (Stream* stream : ready_) {
    if (may_send(*stream) && (best == nullptr || before(*stream, *best))) best = stream;
  }
  return best;
}

void Session::pump() {
  while (has_room()) {
    Stream* const stream = next_to_send();
    if (stream == nullptr) return;
    stream->served_ = ++turns_;
    const Stream::Sent sent = stream->send_frame();
    if (sent == Stream::Sent::more) {
      stream->stall_.arm(loop(), loop().now() + stream->stall_after_);
    } else if (sent != Stream::Sent::waits_for_window) {
      stream->settle_turn(sent);
    }
  }
}

// `cut`: the peer's window ended the frame, not the body.
void Session::data_sent(std::size_t bytes, bool cut) {
  send_window_ -= static_cast<std::int64_t>(bytes);
  data_sent_at_ = loop().now();
  if (!cut || bytes >= kSubstance) control_.put_back(kEarned);
  schedule();
}

void Session::drop_turn(Stream& stream) { std::erase(ready_, &stream); }

// One stream's window stays closed: that stream is given up. Where nothing at all could be sent, what the
// client asks for is to hold our memory.
void Session::send_stalled(Stream& stream) {
  const bool others_move = loop().now() - data_sent_at_ < stream.stall_after_;
  // It only waits for its turn.
  if (others_move && stream.window_ > 0) {
    return stream.stall_.arm(loop(), data_sent_at_ + stream.stall_after_);
  }
  if (role_ == Role::server && !others_move) {
    return end_abuse(http::Abuse::stalled_window);
  }
  send_reset(stream.id_, Code::cancel);
  stream.lose({ErrorKind::timed_out, peer()}, Stream::Gone::by_us);
}

}  // namespace sluice::http2
