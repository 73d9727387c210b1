// The test's own end of an HTTP/2 connection: says frames, and puts what it hears into words.
#pragma once

#include "http2/frame.hpp"
#include "http2/hpack.hpp"
#include "unit/net/loop_fixture.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test {

using http2::Code;
using http2::FrameType;
using http2::kEndHeaders;
using http2::kEndStream;

using Texts = std::vector<std::pair<std::string, std::string>>;

inline std::string number(std::uint32_t value) {
  char bytes[4];
  http2::put32(bytes, value);
  return {bytes, sizeof bytes};
}

inline std::string setting(http2::Setting id, std::uint32_t value) {
  char bytes[2];
  http2::put16(bytes, static_cast<std::uint32_t>(id));
  return std::string(bytes, sizeof bytes) + number(value);
}

inline std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  char head[http2::kFrameHead];
  http2::put_frame_head(head, {static_cast<std::uint32_t>(payload.size()), type, flags, stream});
  return std::string(head, sizeof head).append(payload);
}

class Wire {
 public:
  Wire(net::Loop& loop, int fd) : loop_(loop), fd_(fd) {}

  // What the kernel does not take now goes with the next turns.
  void say(std::string_view bytes) {
    unsent_ += bytes;
    push();
  }
  void say(FrameType type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
    say(frame(type, flags, stream, payload));
  }
  void say_settings(std::initializer_list<std::pair<http2::Setting, std::uint32_t>> settings = {}) {
    std::string payload;
    for (const auto& [id, value] : settings)
      payload += setting(id, value);
    say(FrameType::settings, 0, 0, payload);
  }
  void say_head(std::uint32_t stream, const Texts& fields, std::uint8_t flags) {
    say(FrameType::headers, static_cast<std::uint8_t>(flags | kEndHeaders), stream, block(fields));
  }
  void say_data(std::uint32_t stream, std::string_view text, std::uint8_t flags = 0) {
    say(FrameType::data, flags, stream, text);
  }
  void say_reset(std::uint32_t stream, Code code) {
    say(FrameType::rst_stream, 0, stream, number(static_cast<std::uint32_t>(code)));
  }
  void say_goaway(std::uint32_t last, Code code) {
    say(FrameType::goaway, 0, 0, number(last) + number(static_cast<std::uint32_t>(code)));
  }
  void say_window(std::uint32_t stream, std::uint32_t bytes) {
    say(FrameType::window_update, 0, stream, number(bytes));
  }
  std::string block(const Texts& fields) {
    std::string out;
    encoder_.begin(out);
    for (const auto& [name, value] : fields)
      encoder_.field(out, name, value, http::field_id(name));
    return out;
  }

  // One turn of the loop, and what came.
  Task<void> turn() {
    push();
    co_await loop_.yield();
    unread_ += drain(fd_);
    read();
  }
  Task<void> turns(int count) {
    while (count-- > 0)
      co_await turn();
  }
  // Until the other end has dealt with all that was said.
  Task<void> settle() {
    const std::string ping = "ping " + std::to_string(100 + pings_++ % 900);
    say(FrameType::ping, 0, 0, ping);
    while (!has("PING ack " + ping) && !gone())
      co_await turn();
    std::erase(of_connection, "PING ack " + ping);
    co_await turns(3);
  }
  Task<void> until(std::uint32_t stream, std::string_view beginning) {
    while (!gone() && !heard(stream, beginning))
      co_await turn();
  }

  // Whether it has said GOAWAY because of an error.
  bool gone() const {
    return std::any_of(of_connection.begin(), of_connection.end(), [](const std::string& text) {
      return text.starts_with("GOAWAY") && !text.ends_with(" no_error");
    });
  }
  bool has(std::string_view text) const {
    return std::find(of_connection.begin(), of_connection.end(), text) != of_connection.end();
  }
  bool heard(std::uint32_t stream, std::string_view beginning) {
    const auto& lines = of(stream);
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& text) { return text.starts_with(beginning); });
  }
  // What was heard of one stream: "HEAD :status=200 x=y", "DATA hello", "END", "RST cancel", "WINDOW 100".
  // Bodies are one piece however many frames they came in.
  std::vector<std::string>& of(std::uint32_t stream) {
    if (stream == 0) return of_connection;
    for (auto& [id, lines] : of_streams) {
      if (id == stream) return lines;
    }
    return of_streams.emplace_back(stream, std::vector<std::string>{}).second;
  }
  std::string body(std::uint32_t stream) {
    std::string out;
    for (const std::string& line : of(stream)) {
      if (line.starts_with("DATA ")) out += line.substr(5);
    }
    return out;
  }

  std::vector<std::string> of_connection;
  std::vector<std::pair<std::uint32_t, std::vector<std::string>>> of_streams;
  std::vector<std::uint32_t> data_order;  // streams of the DATA frames
  std::size_t largest_frame = 0;

 private:
  static std::string name(Code code) {
    static constexpr const char* kNames[]{"no_error",
                                          "protocol_error",
                                          "internal_error",
                                          "flow_control_error",
                                          "settings_timeout",
                                          "stream_closed",
                                          "frame_size_error",
                                          "refused_stream",
                                          "cancel",
                                          "compression_error",
                                          "connect_error",
                                          "enhance_your_calm",
                                          "inadequate_security",
                                          "http_1_1_required"};
    return kNames[static_cast<std::size_t>(code)];
  }

  void push() {
    if (unsent_.empty()) return;
    const ssize_t sent = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
  }

  void read() {
    if (unread_.starts_with("PRI")) {
      if (unread_.size() < http2::kPreface.size()) return;
      CHECK(unread_.starts_with(http2::kPreface));
      unread_.erase(0, http2::kPreface.size());
    }
    while (unread_.size() >= http2::kFrameHead) {
      const http2::FrameHead head = http2::get_frame_head(unread_.data());
      if (unread_.size() < http2::kFrameHead + head.length) return;
      take(head, unread_.substr(http2::kFrameHead, head.length));
      unread_.erase(0, http2::kFrameHead + head.length);
    }
  }

  void take(const http2::FrameHead& head, const std::string& payload) {
    largest_frame = std::max<std::size_t>(largest_frame, head.length);
    auto& lines = of(head.stream);
    const auto code = [&](std::size_t at) {
      return name(static_cast<Code>(http2::get32(payload.data() + at)));
    };
    switch (head.type) {
      case FrameType::data:
        data_order.push_back(head.stream);
        if (!payload.empty()) {
          if (lines.empty() || !lines.back().starts_with("DATA ")) lines.emplace_back("DATA ");
          lines.back() += payload;
        }
        if (head.has(kEndStream)) lines.emplace_back("END");
        return;
      case FrameType::headers:
      case FrameType::continuation:
        if (head.type == FrameType::headers) ends_ = head.has(kEndStream);
        block_ += payload;
        if (!head.has(kEndHeaders)) return;
        lines.push_back("HEAD" + decode(std::exchange(block_, {})));
        if (ends_) lines.emplace_back("END");
        return;
      case FrameType::rst_stream: lines.push_back("RST " + code(0)); return;
      case FrameType::settings:
        lines.emplace_back(head.has(http2::kAck) ? "SETTINGS ack" : "SETTINGS");
        return;
      case FrameType::ping:
        lines.push_back((head.has(http2::kAck) ? "PING ack " : "PING ") + payload);
        return;
      case FrameType::goaway:
        lines.push_back("GOAWAY " + std::to_string(http2::get32(payload.data())) + " " + code(4));
        return;
      case FrameType::window_update:
        lines.push_back("WINDOW " + std::to_string(http2::get32(payload.data())));
        return;
      default: lines.push_back("FRAME " + std::to_string(static_cast<int>(head.type))); return;
    }
  }

  std::string decode(const std::string& block) {
    std::string out;
    Arena arena;
    decoder_.begin(block);
    http2::HpackField field;
    http2::HpackDecoder::Status status{};
    while ((status = decoder_.next(&arena, field)) == http2::HpackDecoder::Status::field)
      out.append(" ").append(field.name).append("=").append(field.value);
    CHECK(status == http2::HpackDecoder::Status::end);
    return out;
  }

  net::Loop& loop_;
  int fd_;
  http2::HpackEncoder encoder_;
  http2::HpackDecoder decoder_;
  std::string unsent_;
  std::string unread_;
  std::string block_;
  int pings_ = 0;
  bool ends_ = false;
};

}  // namespace sluice::test
