#include "http2/session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMinute = 60 * kSecond;
// The connection's window is opened in steps of this many bytes.
constexpr std::int64_t kCreditStep = 256 * 1024;
// After our last bytes: how long we read on, so that they are not lost to a reset.
constexpr Nanos kLinger = 2 * kSecond;
// And how much: whoever floods is not worth more.
constexpr std::size_t kLingerBytes = 4 * 1024 * 1024;
// Bytes read before others get their turn.
constexpr std::size_t kTurn = 256 * 1024;
// A header block must be decoded to its end even when it is refused, and so is gathered up to this many times
// the limit.
constexpr std::size_t kBlockFactor = 2;
// A DATA frame that earns back what it costs to ask for it; less is only paid for when there was no more to
// send.
constexpr std::size_t kSubstance = 256;
// What one sent earns: simple clients answer each with two WINDOW_UPDATEs.
constexpr std::uint32_t kEarned = 4;
// In streams that end well: so many of them earn one reset.
constexpr std::uint32_t kResetCost = 4;

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
      growth_left_(limits.growth),
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
  // Enough for all windows of streams together: one that nobody reads holds its own and no other's.
  const std::int64_t together = limits_.streams * limits_.stream_window + limits_.growth + kCreditStep;
  const std::int64_t more = std::min(together, kLargestWindow) - kDefaultWindow;
  receive_window_ += more;
  send_window_update(0, static_cast<std::uint32_t>(more));
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
      fail({got.status == net::IoStatus::eof ? ErrorKind::closed : ErrorKind::reset, Side::internal,
            got.cause});
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

// False: nothing more is to be read.
bool Session::take_frames() {
  if (!preface_done_ && !take_preface()) return alive();
  while (alive() && in_.size() >= kFrameHead) {
    const FrameHead head = get_frame_head(in_.data());
    if (head.length > kFramePayload) {
      connection_error(Code::frame_size_error);
      return false;
    }
    if (in_.size() < kFrameHead + head.length) {
      // A full frame is a piece of a large body: more of them come in one read.
      in_.reserve(head.length > Buffer::kSmall / 2 ? Buffer::kLarge : Buffer::kSmall);
      return true;
    }
    const std::string_view payload = in_.view().substr(kFrameHead, head.length);
    take_frame(head, payload);
    in_.consume(kFrameHead + head.length);
    partial_since_ = last_read_;
  }
  in_.compact();
  return alive();
}

// A body may come as slowly as it likes while it moves. Anything else has the time a head has: from its first
// byte to its last.
Nanos Session::partial_deadline(Nanos head_time) const {
  const bool body = in_.size() >= kFrameHead && get_frame_head(in_.view().data()).type == FrameType::data;
  return body ? last_read_ + limits_.stall : partial_since_ + head_time;
}

bool Session::take_preface() {
  const std::string_view seen = in_.view().substr(0, kPreface.size());
  if (seen != kPreface.substr(0, seen.size())) {
    connection_error(Code::protocol_error);
    return false;
  }
  if (seen.size() < kPreface.size()) return false;
  in_.consume(kPreface.size());
  preface_done_ = true;
  return true;
}

void Session::take_frame(const FrameHead& head, std::string_view payload) {
  const bool in_block = block_ != nullptr;
  if (in_block != (head.type == FrameType::continuation) || (in_block && head.stream != block_head_.stream) ||
      (!got_settings_ && head.type != FrameType::settings)) {
    return connection_error(Code::protocol_error);
  }
  switch (head.type) {
    case FrameType::data: return on_data(head, payload);
    case FrameType::headers: return on_headers(head, payload);
    case FrameType::priority: return on_priority(head, payload);
    case FrameType::rst_stream: return on_reset(head, payload);
    case FrameType::settings: return on_settings_frame(head, payload);
    case FrameType::push_promise: return connection_error(Code::protocol_error);  // nobody may push to us
    case FrameType::ping: return on_ping(head, payload);
    case FrameType::goaway: return on_goaway_frame(head, payload);
    case FrameType::window_update: return on_window_update(head, payload);
    case FrameType::continuation: return on_continuation(head, payload);
    case FrameType::priority_update: return on_priority_update_frame(head, payload);
  }
  take_control_token();  // unknown frames are ignored, RFC 9113 §5.5
}

bool Session::take_control_token() {
  if (control_.take(loop().now())) return true;
  connection_error(Code::enhance_your_calm, http::Abuse::control_flood);
  return false;
}

bool Session::take_reset_token() {
  if (resets_.take(loop().now(), kResetCost)) return true;
  connection_error(Code::enhance_your_calm, http::Abuse::rapid_reset);
  return false;
}

// Padding and its length byte; false when there is more of it than payload.
bool Session::strip_padding(const FrameHead& head, std::string_view& payload) {
  if (!head.has(kPadded)) return true;
  if (payload.empty()) return false;
  const auto padding = static_cast<unsigned char>(payload.front());
  payload.remove_prefix(1);
  if (padding > payload.size()) return false;
  payload.remove_suffix(padding);
  return true;
}

// Whether a stream of that id was never opened by either side.
bool Session::idle(std::uint32_t id) const {
  return (id & 1) == 0 || id > last_stream_;  // nobody may push: even ones stay idle for ever
}

void Session::on_data(const FrameHead& head, std::string_view payload) {
  if (head.stream == 0 || idle(head.stream)) return connection_error(Code::protocol_error);
  const std::uint32_t counted = head.length;
  if (counted > receive_window_) return connection_error(Code::flow_control_error);
  receive_window_ -= counted;
  if (!strip_padding(head, payload)) return connection_error(Code::protocol_error);
  // Nothing but a frame's head, again and again, is a flood; one that ends a stream is its end.
  if (payload.empty() && !head.has(kEndStream) && !take_control_token()) return;
  Stream* const stream = find(head.stream);
  if (stream == nullptr || stream->gone_ != Stream::Gone::no || stream->remote_ended_) {
    credit(counted);
    return data_on_closed(head.stream, counted);
  }
  if (!stream->data_allowed_) {
    credit(counted);
    return stream_error(head.stream, Code::protocol_error);
  }
  // Who overruns one window respects none: that is the connection's end (RFC 9113 §6.9.1 leaves the choice).
  if (!stream->received_.admit(counted)) return connection_error(Code::flow_control_error);
  if (payload.size() >= kSubstance) control_.put_back();
  const bool fits = stream->received_.push(payload);
  if (const auto padding = counted - static_cast<std::uint32_t>(payload.size()); padding != 0) {
    stream->received_.skip(padding);
  }
  if (!fits) {
    credit(static_cast<std::uint32_t>(payload.size()));
    return stream_error(head.stream, Code::protocol_error);
  }
  if (head.has(kEndStream)) end_received(*stream);
}

void Session::end_received(Stream& stream) {
  if (!stream.received_.finish()) return stream_error(stream.id_, Code::protocol_error);
  stream.remote_ended_ = true;
}

// Frames may cross our RST_STREAM on the way, as many as the stream's window let out; after the peer's own
// there is no excuse.
void Session::data_on_closed(std::uint32_t id, std::uint32_t bytes) {
  if (Stream* const stream = find(id); stream != nullptr && stream->gone_ == Stream::Gone::by_us) {
    if (!stream->received_.admit(bytes)) return connection_error(Code::flow_control_error);
  } else if (stream == nullptr && closed_by_us_.contains(id)) {
    late_ -= bytes;
    if (late_ < 0) return connection_error(Code::flow_control_error);
  } else {
    return stream_error(id, Code::stream_closed);
  }
  if (bytes == 0) take_control_token();
}

void Session::on_headers(const FrameHead& head, std::string_view payload) {
  if (head.stream == 0) return connection_error(Code::protocol_error);
  if (!strip_padding(head, payload)) return connection_error(Code::protocol_error);
  bool malformed = false;
  if (head.has(kPriority)) {
    if (payload.size() < 5) return connection_error(Code::frame_size_error);
    malformed = (get32(payload.data()) & kLargestStream) == head.stream;  // depends on itself
    payload.remove_prefix(5);
  }
  if (head.has(kEndHeaders)) return on_block(head, payload, malformed);
  block_ = std::make_unique<std::string>(payload);
  block_head_ = head;
  block_malformed_ = malformed;
  block_since_ = loop().now();
  continuations_ = 0;
}

void Session::on_continuation(const FrameHead& head, std::string_view payload) {
  if (++continuations_ > limits_.continuations) {
    return connection_error(Code::enhance_your_calm, http::Abuse::continuation_flood);
  }
  if (block_->size() + payload.size() > std::size_t{limits_.head} * kBlockFactor) {
    return connection_error(Code::enhance_your_calm, http::Abuse::header_bomb);
  }
  block_->append(payload);
  if (!head.has(kEndHeaders)) return;
  const auto block = std::exchange(block_, nullptr);
  on_block(block_head_, *block, block_malformed_);
}

void Session::on_priority(const FrameHead& head, std::string_view payload) {
  if (head.stream == 0) return connection_error(Code::protocol_error);
  if (payload.size() != 5) return stream_error(head.stream, Code::frame_size_error);
  if ((get32(payload.data()) & kLargestStream) == head.stream) {
    return stream_error(head.stream, Code::protocol_error);
  }
  take_control_token();  // RFC 7540's tree of priorities is not used by anybody any more
}

void Session::on_reset(const FrameHead& head, std::string_view payload) {
  if (payload.size() != 4) return connection_error(Code::frame_size_error);
  if (head.stream == 0 || idle(head.stream)) return connection_error(Code::protocol_error);
  Stream* const stream = find(head.stream);
  if (stream == nullptr || stream->gone_ != Stream::Gone::no) {
    take_control_token();
    return;
  }
  const auto code = static_cast<Code>(get32(payload.data()));
  // NO_ERROR after a complete response only says that the rest of the request is not wanted.
  if (role_ == Role::client && code == Code::no_error && stream->remote_ended_) return stream->stop_sending();
  const bool unfinished = !stream->local_ended_;
  const ErrorKind kind = code == Code::refused_stream ? ErrorKind::refused : ErrorKind::abandoned;
  stream->lose({kind, peer()}, Stream::Gone::by_peer);
  if (role_ == Role::server && unfinished) take_reset_token();
}

void Session::on_settings_frame(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return connection_error(Code::protocol_error);
  if (head.has(kAck)) {
    if (!payload.empty()) return connection_error(Code::frame_size_error);
    if (!got_settings_) return connection_error(Code::protocol_error);  // not the preface, §3.4
    take_control_token();
    return;
  }
  if (payload.size() % 6 != 0) return connection_error(Code::frame_size_error);
  if (got_settings_ && !take_control_token()) return;
  got_settings_ = true;
  const std::int64_t window_before = peer_initial_window_;
  for (; !payload.empty(); payload.remove_prefix(6)) {
    if (!apply_setting(static_cast<Setting>(get16(payload.data())), get32(payload.data() + 2))) return;
  }
  if (!move_windows(peer_initial_window_ - window_before)) return;
  append_frame({0, FrameType::settings, kAck, 0}, {});
  on_settings();
}

bool Session::apply_setting(Setting setting, std::uint32_t value) {
  const auto refuse = [this](Code code) {
    connection_error(code);
    return false;
  };
  switch (setting) {
    case Setting::header_table_size: encoder_.set_limit(value); return true;
    case Setting::enable_push:
      // A server must not send anything but 0 (RFC 9113 §6.5.2).
      return value > (role_ == Role::server ? 1 : 0) ? refuse(Code::protocol_error) : true;
    case Setting::max_concurrent_streams: peer_streams_ = value; return true;
    case Setting::initial_window_size:
      if (value > kLargestWindow) return refuse(Code::flow_control_error);
      peer_initial_window_ = value;
      return true;
    case Setting::max_frame_size:
      return value < kFramePayload || value > 0xff'ffff ? refuse(Code::protocol_error) : true;
    case Setting::enable_connect_protocol:
      if (value > 1 || (peer_connect_protocol_ && value == 0)) return refuse(Code::protocol_error);
      peer_connect_protocol_ = value == 1;
      return true;
    case Setting::no_rfc7540_priorities: return value > 1 ? refuse(Code::protocol_error) : true;
    case Setting::max_header_list_size: return true;  // advice; what is too large for the peer it will refuse
  }
  return true;
}

// Once for a frame, however often it sets the initial window.
bool Session::move_windows(std::int64_t difference) {
  if (difference == 0) return true;
  for (Stream* stream : streams_) {
    stream->window_ += difference;
    if (stream->window_ > kLargestWindow) {
      connection_error(Code::flow_control_error);
      return false;
    }
  }
  schedule();
  return true;
}

void Session::on_ping(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return connection_error(Code::protocol_error);
  if (payload.size() != 8) return connection_error(Code::frame_size_error);
  if (!take_control_token()) return;
  if (head.has(kAck)) return on_ping_ack(payload);
  append_frame({0, FrameType::ping, kAck, 0}, payload);
}

void Session::on_goaway_frame(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return connection_error(Code::protocol_error);
  if (payload.size() < 8) return connection_error(Code::frame_size_error);
  if (take_control_token()) {
    on_goaway(get32(payload.data()) & kLargestStream, static_cast<Code>(get32(payload.data() + 4)));
  }
}

void Session::on_window_update(const FrameHead& head, std::string_view payload) {
  if (payload.size() != 4) return connection_error(Code::frame_size_error);
  const std::int64_t more = get32(payload.data()) & kLargestStream;
  if (head.stream != 0 && idle(head.stream)) return connection_error(Code::protocol_error);
  if (!take_control_token()) return;
  if (head.stream == 0) {
    if (more == 0) return connection_error(Code::protocol_error);
    send_window_ += more;
    if (send_window_ > kLargestWindow) return connection_error(Code::flow_control_error);
    return schedule();
  }
  Stream* const stream = find(head.stream);
  if (stream == nullptr || stream->gone_ != Stream::Gone::no) return;
  if (more == 0) return stream_error(head.stream, Code::protocol_error);
  stream->window_ += more;
  if (stream->window_ > kLargestWindow) return stream_error(head.stream, Code::flow_control_error);
  schedule();
}

void Session::on_priority_update_frame(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0 || role_ == Role::client) return connection_error(Code::protocol_error);
  if (payload.size() < 4) return connection_error(Code::frame_size_error);
  const std::uint32_t stream = get32(payload.data()) & kLargestStream;
  if (stream == 0) return connection_error(Code::protocol_error);
  if (take_control_token()) on_priority_update(stream, payload.substr(4));
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

void Session::stream_error(std::uint32_t id, Code code) {
  Stream* const stream = find(id);
  if (stream == nullptr && idle(id)) return connection_error(code);
  const bool told = stream != nullptr ? stream->gone_ == Stream::Gone::by_us : closed_by_us_.contains(id);
  if (!told) send_reset(id, code);
  if (stream != nullptr) stream->lose({ErrorKind::malformed, peer()}, Stream::Gone::by_us);
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

void Session::connection_error(Code code, std::optional<http::Abuse> abuse) {
  if (!alive()) return;
  if (abuse) on_abuse(*abuse);
  send_goaway(last_served_, code);
  lose_all({ErrorKind::closed, peer()}, Stream::Gone::by_us);
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
  lose_all({error.kind, peer(), error.cause}, Stream::Gone::by_peer);
  resume_reading();
  schedule();
}

void Session::maybe_end() {
  if (reader_done_ && writer_done_ && streams_.empty() && holds_ == 0) ended();
}

// ---- writing

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

void Session::credit(std::uint32_t bytes) {
  uncredited_ += bytes;
  if (uncredited_ < kCreditStep) return;
  receive_window_ += uncredited_;
  send_window_update(0, static_cast<std::uint32_t>(std::exchange(uncredited_, 0)));
}

bool Session::grow(std::int64_t bytes) {
  if (bytes > growth_left_) return false;
  growth_left_ -= bytes;
  return true;
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
    if (sent.status == net::IoStatus::error) error = {ErrorKind::reset, Side::internal, sent.cause};
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
    if (sent.status == net::IoStatus::error) co_return Error{ErrorKind::reset, Side::internal, sent.cause};
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
    return connection_error(Code::enhance_your_calm, http::Abuse::stalled_window);
  }
  send_reset(stream.id_, Code::cancel);
  stream.lose({ErrorKind::timed_out, peer()}, Stream::Gone::by_us);
}

}  // namespace sluice::http2
