// What a session makes of the frames that come in.
#include "http2/session.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

// A header block must be decoded to its end even when it is refused, and so is gathered up to this many times
// the limit.
constexpr std::size_t kBlockFactor = 2;
// In PINGs by which round trips are measured.
constexpr std::string_view kMeasure = "how far?";

}  // namespace

// False: nothing more is to be read.
bool Session::take_frames() {
  if (!preface_done_ && !take_preface()) return alive();
  while (alive() && in_.size() >= kFrameHead) {
    const FrameHead head = get_frame_head(in_.data());
    if (head.length > kFramePayload) {
      connection_error(Code::frame_size_error, Rule::h2_frame_size);
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
    connection_error(Code::protocol_error, Rule::h2_preface);
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
    return connection_error(Code::protocol_error, Rule::h2_frame_order);
  }
  switch (head.type) {
    case FrameType::data: return on_data(head, payload);
    case FrameType::headers: return on_headers(head, payload);
    case FrameType::priority: return on_priority(head, payload);
    case FrameType::rst_stream: return on_reset(head, payload);
    case FrameType::settings: return on_settings_frame(head, payload);
    case FrameType::push_promise: return connection_error(Code::protocol_error, Rule::h2_push);
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
  end_abuse(http::Abuse::control_flood);
  return false;
}

bool Session::take_reset_token() {
  if (resets_.take(loop().now(), kResetCost)) return true;
  end_abuse(http::Abuse::rapid_reset);
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
  if (head.stream == 0 || idle(head.stream))
    return connection_error(Code::protocol_error, Rule::h2_stream_id);
  const std::uint32_t counted = head.length;
  if (counted > receive_window_) return connection_error(Code::flow_control_error, Rule::h2_window);
  credit(counted);
  if (!strip_padding(head, payload)) return connection_error(Code::protocol_error, Rule::h2_padding);
  // Nothing but a frame's head, again and again, is a flood; one that ends a stream is its end.
  if (payload.empty() && !head.has(kEndStream) && !take_control_token()) return;
  Stream* const stream = find(head.stream);
  if (stream == nullptr || stream->gone_ != Stream::Gone::no || stream->remote_ended_) {
    return data_on_closed(head.stream, counted);
  }
  if (!stream->data_allowed_) return stream_error(head.stream, Code::protocol_error, Rule::data_before_head);
  // Who overruns one window respects none: that is the connection's end (RFC 9113 §6.9.1 leaves the choice).
  if (!stream->received_.admit(counted)) return connection_error(Code::flow_control_error, Rule::h2_window);
  if (payload.size() >= kSubstance) control_.put_back();
  const bool fits = stream->received_.push(payload);
  if (payload.size() < counted) stream->received_.skip();
  if (!fits) return stream_error(head.stream, Code::protocol_error, Rule::body_length);
  if (head.has(kEndStream)) end_received(*stream);
}

// The connection's window is open again for whatever came, read or not.
void Session::credit(std::uint32_t bytes) {
  receive_window_ -= bytes;
  const std::int64_t missing = kLargestWindow - receive_window_;
  if (missing < kCreditStep) return;
  receive_window_ = kLargestWindow;
  send_window_update(0, static_cast<std::uint32_t>(missing));
}

void Session::end_received(Stream& stream) {
  if (!stream.received_.finish()) return stream_error(stream.id_, Code::protocol_error, Rule::body_length);
  stream.remote_ended_ = true;
}

// Frames may cross our RST_STREAM on the way, as many as the stream's window let out; after the peer's own
// there is no excuse.
void Session::data_on_closed(std::uint32_t id, std::uint32_t bytes) {
  if (Stream* const stream = find(id); stream != nullptr && stream->gone_ == Stream::Gone::by_us) {
    if (!stream->received_.admit(bytes)) return connection_error(Code::flow_control_error, Rule::h2_window);
  } else if (stream == nullptr && closed_by_us_.contains(id)) {
    late_ -= bytes;
    if (late_ < 0) return connection_error(Code::flow_control_error, Rule::h2_window);
  } else {
    return stream_error(id, Code::stream_closed, Rule::after_end);
  }
  if (bytes == 0) take_control_token();
}

void Session::on_headers(const FrameHead& head, std::string_view payload) {
  if (head.stream == 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (!strip_padding(head, payload)) return connection_error(Code::protocol_error, Rule::h2_padding);
  bool malformed = false;
  if (head.has(kPriority)) {
    if (payload.size() < 5) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
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
    return end_abuse(http::Abuse::continuation_flood);
  }
  if (block_->size() + payload.size() > std::size_t{limits_.head} * kBlockFactor) {
    return end_abuse(http::Abuse::header_bomb);
  }
  block_->append(payload);
  if (!head.has(kEndHeaders)) return;
  const auto block = std::exchange(block_, nullptr);
  on_block(block_head_, *block, block_malformed_);
}

void Session::on_priority(const FrameHead& head, std::string_view payload) {
  if (head.stream == 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (payload.size() != 5) return stream_error(head.stream, Code::frame_size_error, Rule::priority_size);
  if ((get32(payload.data()) & kLargestStream) == head.stream) {
    return stream_error(head.stream, Code::protocol_error, Rule::self_dependency);
  }
  take_control_token();  // RFC 7540's tree of priorities is not used by anybody any more
}

void Session::on_reset(const FrameHead& head, std::string_view payload) {
  if (payload.size() != 4) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
  if (head.stream == 0 || idle(head.stream))
    return connection_error(Code::protocol_error, Rule::h2_stream_id);
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
  if (head.stream != 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (head.has(kAck)) {
    if (!payload.empty()) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
    // Not the preface, §3.4.
    if (!got_settings_) return connection_error(Code::protocol_error, Rule::h2_frame_order);
    round_trip_.settings_acknowledged(loop().now());
    take_control_token();
    return;
  }
  if (payload.size() % 6 != 0) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
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
    connection_error(code, Rule::h2_settings);
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
      connection_error(Code::flow_control_error, Rule::h2_window);
      return false;
    }
  }
  schedule();
  return true;
}

void Session::on_ping(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (payload.size() != 8) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
  if (!take_control_token()) return;
  if (!head.has(kAck)) return append_frame({0, FrameType::ping, kAck, 0}, payload);
  if (round_trip_.under_way() && payload == kMeasure) return end_round();
  on_ping_ack(payload);
}

void Session::measure() {
  const Nanos now = loop().now();
  if (!round_trip_.may_begin(now)) return;
  round_trip_.begin(now);
  for (Stream* stream : streams_)
    stream->received_.begin_round();
  send_ping(kMeasure);
}

void Session::end_round() {
  bool grew = false;
  for (Stream* stream : streams_)
    grew |= stream->received_.end_round();
  round_trip_.end(loop().now(), grew);
}

void Session::on_goaway_frame(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (payload.size() < 8) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
  if (take_control_token()) {
    on_goaway(get32(payload.data()) & kLargestStream, static_cast<Code>(get32(payload.data() + 4)));
  }
}

void Session::on_window_update(const FrameHead& head, std::string_view payload) {
  if (payload.size() != 4) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
  const std::int64_t more = get32(payload.data()) & kLargestStream;
  if (head.stream != 0 && idle(head.stream))
    return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (!take_control_token()) return;
  if (head.stream == 0) {
    if (more == 0) return connection_error(Code::protocol_error, Rule::h2_window);
    send_window_ += more;
    if (send_window_ > kLargestWindow) return connection_error(Code::flow_control_error, Rule::h2_window);
    return schedule();
  }
  Stream* const stream = find(head.stream);
  if (stream == nullptr || stream->gone_ != Stream::Gone::no) return;
  if (more == 0) return stream_error(head.stream, Code::protocol_error, Rule::window_update);
  stream->window_ += more;
  if (stream->window_ > kLargestWindow)
    return stream_error(head.stream, Code::flow_control_error, Rule::window_update);
  schedule();
}

void Session::on_priority_update_frame(const FrameHead& head, std::string_view payload) {
  if (head.stream != 0 || role_ == Role::client)
    return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (payload.size() < 4) return connection_error(Code::frame_size_error, Rule::h2_frame_size);
  const std::uint32_t stream = get32(payload.data()) & kLargestStream;
  if (stream == 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (take_control_token()) on_priority_update(stream, payload.substr(4));
}

}  // namespace sluice::http2
