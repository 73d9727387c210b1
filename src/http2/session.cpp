// A session's life: from its preface to its end, and the streams in between. Frames that come in are in
// session_frames.cpp, what goes out is in session_writing.cpp.
#include "http2/session.hpp"

#include <algorithm>
#include <utility>

namespace sluice::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMinute = 60 * kSecond;
// After our last bytes: how long we read on, so that they are not lost to a reset.
constexpr Nanos kLinger = 2 * kSecond;
// And how much: whoever floods is not worth more.
constexpr std::size_t kLingerBytes = 4 * 1024 * 1024;
// Bytes read before others get their turn.
constexpr std::size_t kTurn = 256 * 1024;

}  // namespace

// co_await: until the peer has read some of what we sent.
struct Session::Paused {
  Session& session;
  net::Waiter waiter{};
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    session.paused_ = this;
  }
  void await_resume() const noexcept {}
};

Session::Session(std::unique_ptr<net::Transport> transport, Role role, const SessionLimits& limits)
    : limits_(limits),
      last_read_(transport->loop().now()),
      transport_(std::move(transport)),
      closed_by_us_(std::clamp<std::size_t>(std::size_t{limits.streams} * 2, 64, 1024)),
      resets_(limits.resets * kResetCost, kMinute),
      control_(limits.control_frames, kMinute),
      role_(role),
      preface_done_(role == Role::client) {}

void Session::announce(std::initializer_list<std::pair<Setting, std::uint32_t>> settings) {
  if (role_ == Role::client) {
    std::memcpy(append(kPreface.size()), kPreface.data(), kPreface.size());
    out_.commit(kPreface.size());
  }
  char payload[6 * 8];
  std::size_t size = 0;
  for (const auto& [setting, value] : settings) {
    put16(payload + size, static_cast<std::uint32_t>(setting));
    put32(payload + size + 2, value);
    size += 6;
  }
  append_frame({0, FrameType::settings, 0, 0}, {payload, size});
  round_trip_.settings_sent(loop().now());
  // As large as it can be: what bounds memory are the windows of streams. So one that nobody reads holds its
  // own and no other's.
  receive_window_ = kLargestWindow;
  send_window_update(0, static_cast<std::uint32_t>(kLargestWindow - kDefaultWindow));
}

void Session::start() {
  write_all();
  read_all();
}

// ---- reading

Detached Session::read_all() {
  std::size_t turn = 0;
  while (alive()) {
    if (role_ == Role::server && !reads()) {
      // It asks and asks, and reads none of the answers: then neither do we. (A server that did the same to
      // us while we did it to it would never end.)
      co_await Paused{*this};
      continue;
    }
    if (in_.room().empty()) in_.reserve(Buffer::kSmall);
    const net::IoResult got = transport_->read(in_.room());
    if (got.status == net::IoStatus::ok) {
      last_read_ = loop().now();
      if (in_.empty()) partial_since_ = last_read_;
      in_.commit(got.bytes);
      turn += got.bytes;
      if (!take_frames()) break;
      if (turn > kTurn) {
        turn = 0;
        co_await loop().yield();
      }
      continue;
    }
    if (got.status != net::IoStatus::would_block) {
      fail({.kind = got.status == net::IoStatus::eof ? ErrorKind::closed : ErrorKind::reset,
            .cause = got.cause});
      break;
    }
    turn = 0;
    if (in_.empty()) in_.release();
    const ErrorKind waited = co_await transport_->readable(read_deadline());
    if (waited == ErrorKind::timed_out) {
      on_silence();
    } else if (waited != ErrorKind::none && !dead_) {
      fail({waited, Side::internal});
    }
  }
  in_.release();
  if (!dead_) co_await linger();
  reader_done_ = true;
  maybe_end();
}

// The writer sends what is left and a FIN. What still comes meanwhile is read away, because closing with
// something unread would reset the connection and take our last bytes with it: for as long as they move, and
// a little longer.
Task<void> Session::linger() {
  std::size_t read = 0;
  std::size_t unsent = SIZE_MAX;
  Nanos deadline = loop().now() + kLinger;
  while (!dead_ && read < kLingerBytes) {
    in_.reserve(Buffer::kSmall);
    in_.consume(in_.size());
    const net::IoResult got = transport_->read(in_.room());
    read += got.bytes;
    if (got.status == net::IoStatus::ok) {
      co_await loop().yield();
      continue;
    }
    in_.release();
    if (got.status != net::IoStatus::would_block) break;
    const ErrorKind waited = co_await transport_->readable(deadline);
    if (waited != ErrorKind::none && waited != ErrorKind::timed_out) break;
    if (loop().now() < deadline) continue;
    const std::size_t left = writer_done_ ? transport_->unsent() : SIZE_MAX;
    if (writer_done_ && (left == 0 || left >= unsent)) break;
    unsent = left;
    deadline = loop().now() + kLinger;
  }
  fail({ErrorKind::closed, Side::internal});
}

// ---- streams

void Session::add(Stream& stream) { streams_.push_back(&stream); }

Stream* Session::find(std::uint32_t id) const {
  const auto at =
      std::lower_bound(streams_.begin(), streams_.end(), id,
                       [](const Stream* stream, std::uint32_t wanted) { return stream->id_ < wanted; });
  return at != streams_.end() && (*at)->id_ == id ? *at : nullptr;
}

void Session::remove(Stream& stream) {
  stream.stall_.disarm();
  std::erase(streams_, &stream);
  if (stream.gone_ == Stream::Gone::by_us) {
    closed_by_us_.add(stream.id_);
    late_ += stream.received_.window();
  } else {
    closed_.add(stream.id_);
  }
  stream.received_.close();
  stream.session_ = nullptr;
  maybe_end();
}

std::optional<bool> Session::closed_by_us(std::uint32_t id) const {
  if (closed_by_us_.contains(id)) return true;
  return closed_.contains(id) ? std::optional<bool>(false) : std::nullopt;
}

void Session::stream_error(std::uint32_t id, Code code, Rule rule) {
  Stream* const stream = find(id);
  if (stream == nullptr && idle(id)) return connection_error(code, Rule::h2_stream_id);
  const bool told = stream != nullptr ? stream->gone_ == Stream::Gone::by_us : closed_by_us_.contains(id);
  if (!told) send_reset(id, code);
  if (stream != nullptr) stream->lose({ErrorKind::malformed, peer(), rule}, Stream::Gone::by_us);
  take_reset_token();
}

void Session::refuse_stream(std::uint32_t id) {
  send_reset(id, Code::refused_stream);
  pass_over(id);
  take_reset_token();
}

void Session::pass_over(std::uint32_t id) {
  closed_by_us_.add(id);
  late_ += limits_.stream_window;
}

void Session::connection_error(Code code, Rule rule) {
  if (!alive()) return;
  if (rule != Rule::none) on_broken(rule);
  give_up(code, rule);
}

void Session::end_abuse(http::Abuse reason) {
  if (!alive()) return;
  on_abuse(reason);
  give_up(Code::enhance_your_calm, Rule::none);
}

void Session::give_up(Code code, Rule rule) {
  send_goaway(last_served_, code);
  lose_all({ErrorKind::closed, peer(), rule}, Stream::Gone::by_us);
  close();
}

// Those that are lost may go while others are told.
void Session::lose_all(const Error& error, Stream::Gone how) {
  const std::vector<Stream*> open = streams_;
  for (Stream* stream : open)
    stream->lose(error, how);
}

void Session::close() {
  closing_ = true;
  transport_->nudge();  // the reader has nothing more to wait for
  resume_reading();
  schedule();
}

void Session::resume_reading() {
  if (paused_ != nullptr) loop().wake(std::exchange(paused_, nullptr)->waiter);
}

void Session::fail(const Error& error) {
  if (dead_) return;
  dead_ = true;
  transport_->cancel(ErrorKind::closed);
  lose_all({.kind = error.kind, .side = peer(), .cause = error.cause}, Stream::Gone::by_peer);
  resume_reading();
  schedule();
}

void Session::maybe_end() {
  if (reader_done_ && writer_done_ && streams_.empty() && holds_ == 0) ended();
}

}  // namespace sluice::http2
