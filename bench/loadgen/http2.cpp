#include "loadgen/http2.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

void check(int returned) {
  if (returned != 0) throw std::runtime_error(fmt::format("nghttp2: {}", nghttp2_strerror(returned)));
}

// nghttp2's interface predates const; it does not write.
std::uint8_t* bytes_of(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {bytes_of(name), bytes_of(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

Http2::Http2(Outbox& outbox, Listener& listener, bool keep_alive, std::uint32_t streams, std::uint32_t window)
    : outbox_(outbox), listener_(listener), keep_alive_(keep_alive), streams_(streams) {
  for (auto& stream : streams_)
    free_.push_back(&stream);
  make_session(window);
}

void Http2::make_session(std::uint32_t window) {
  nghttp2_session_callbacks* callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks));
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> owner(
      callbacks, &nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session* session = nullptr;
  check(nghttp2_session_client_new(&session, callbacks, this));
  session_.reset(session);

  const std::array<nghttp2_settings_entry, 2> settings{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
  }};
  check(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()));
  check(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                              static_cast<std::int32_t>(std::max(window, 65535U))));
}

void Http2::send(Token token, const Ask& ask) {
  auto& stream = *free_.back();
  stream = {};
  stream.token = token;
  stream.body_left = ask.form->body;
  fields_.clear();
  for (const auto& [name, value] : ask.form->fields)
    fields_.push_back(field(name, value));
  fields_[ask.form->authority_at] = field(ask.form->fields[ask.form->authority_at].first, *ask.host);
  if (ask.varied != nullptr) {
    varied_.clear();
    ask.varied->append_value(ask.index, varied_);
    fields_.push_back(field(ask.varied->small_name(), varied_));
    fields_.back().flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;  // the value is another one with the next request
  }
  nghttp2_data_provider body{{.ptr = &stream}, read_body};
  const auto id = nghttp2_submit_request(session_.get(), nullptr, fields_.data(), fields_.size(),
                                         stream.body_left.empty() ? nullptr : &body, &stream);
  if (id < 0) {  // no stream numbers left: a new connection has them
    draining_ = true;
    return listener_.finished(token, {Failure::refused});
  }
  free_.pop_back();
  stream.id = id;
  if (!keep_alive_) draining_ = true;
}

void Http2::flush() {
  constexpr std::size_t batch = 64 * toolkit::KiB;
  if (!outbox_.empty()) outbox_.flush();
  while (outbox_.empty() && !outbox_.broken()) {
    out_.clear();
    while (out_.size() < batch) {
      const std::uint8_t* data = nullptr;
      const auto length = nghttp2_session_mem_send(session_.get(), &data);
      if (length <= 0) break;
      out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(length));
    }
    if (out_.empty()) return;
    outbox_.send(out_);
  }
}

void Http2::receive(std::string_view input) {
  const auto taken = nghttp2_session_mem_recv(session_.get(), bytes_of(input), input.size());
  const bool finished =
      nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
  if (taken < 0 || finished) draining_ = true;
  if (taken < 0) fail_all(Failure::protocol);
}

void Http2::end(bool properly) {
  draining_ = true;
  fail_all(properly ? Failure::closed : Failure::reset);
}

void Http2::cancel(Token token, Failure failure) {
  const auto found = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& stream) {
    return stream.id != 0 && stream.token == token;
  });
  if (found == streams_.end()) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, found->id, NGHTTP2_CANCEL);
  // The stream is forgotten now, and only later closed.
  nghttp2_session_set_stream_user_data(session_.get(), found->id, nullptr);
  finish(*found, {failure});
}

int Http2::on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                     std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                     std::uint8_t /*flags*/, void* /*self*/) {
  constexpr std::string_view status = ":status";
  if (std::string_view(reinterpret_cast<const char*>(name), name_length) != status) return 0;
  auto* const stream =
      static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  const auto code = toolkit::parse_number({reinterpret_cast<const char*>(value), value_length});
  if (!stream || !code) return 0;
  stream->status = static_cast<unsigned>(*code);
  stream->has_head = *code >= 200;
  return 0;
}

int Http2::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type == NGHTTP2_GOAWAY) static_cast<Http2*>(self)->draining_ = true;
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    auto* const stream =
        static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
    if (stream) stream->reset_by_server = true;
  }
  return 0;
}

int Http2::on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void* self) {
  auto* const stream = static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  if (stream) static_cast<Http2*>(self)->finish(*stream, outcome_of(*stream, error_code));
  return 0;
}

Outcome Http2::outcome_of(const Stream& stream, std::uint32_t error_code) {
  if (error_code == NGHTTP2_NO_ERROR && stream.has_head) return {{}, stream.status};
  if (error_code == NGHTTP2_REFUSED_STREAM) return {Failure::refused};
  if (!stream.reset_by_server) return {Failure::protocol};
  return {stream.has_head ? Failure::short_body : Failure::reset};
}

ssize_t Http2::read_body(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* into,
                         std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                         void* /*self*/) {
  auto& left = static_cast<Stream*>(source->ptr)->body_left;
  const auto count = std::min(room, left.size());
  std::memcpy(into, left.data(), count);
  left.remove_prefix(count);
  if (left.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

void Http2::finish(Stream& stream, const Outcome& outcome) {
  stream.id = 0;
  free_.push_back(&stream);
  listener_.finished(stream.token, outcome);
}

void Http2::fail_all(std::optional<Failure> before_head) {
  for (auto& stream : streams_) {
    if (stream.id == 0) continue;
    nghttp2_session_set_stream_user_data(session_.get(), stream.id, nullptr);
    finish(stream, {stream.has_head ? Failure::short_body : before_head});
  }
}

}  // namespace sluice::bench
