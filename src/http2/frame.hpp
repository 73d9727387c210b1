// Frames on the wire: RFC 9113 §4.1, §6, and §7 of RFC 9218.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::http2 {

enum class FrameType : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,
  priority_update = 16,
};

inline constexpr std::uint8_t kEndStream = 0x1;
inline constexpr std::uint8_t kAck = 0x1;
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kPriority = 0x20;

// RFC 9113 §7.
enum class Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

// RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1.
enum class Setting : std::uint16_t {
  header_table_size = 1,
  enable_push = 2,
  max_concurrent_streams = 3,
  initial_window_size = 4,
  max_frame_size = 5,
  max_header_list_size = 6,
  enable_connect_protocol = 8,
  no_rfc7540_priorities = 9,
};

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::size_t kFrameHead = 9;
// The largest payload we send and accept: the protocol's own default. Larger frames only make others wait.
inline constexpr std::uint32_t kFramePayload = 16'384;
inline constexpr std::int64_t kDefaultWindow = 65'535;
inline constexpr std::int64_t kLargestWindow = 0x7fff'ffff;
inline constexpr std::uint32_t kLargestStream = 0x7fff'ffff;

struct FrameHead {
  std::uint32_t length = 0;
  FrameType type = FrameType::data;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

inline std::uint32_t get16(const char* at) {
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return static_cast<std::uint32_t>(b[0] << 8 | b[1]);
}
inline std::uint32_t get32(const char* at) { return get16(at) << 16 | get16(at + 2); }
inline void put16(char* at, std::uint32_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value);
}
inline void put32(char* at, std::uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

inline FrameHead get_frame_head(const char* at) {
  FrameHead out;
  out.length = get16(at) << 8 | static_cast<unsigned char>(at[2]);
  out.type = static_cast<FrameType>(at[3]);
  out.flags = static_cast<std::uint8_t>(at[4]);
  out.stream = get32(at + 5) & kLargestStream;  // the reserved bit is ignored
  return out;
}

inline void put_frame_head(char* at, const FrameHead& head) {
  put16(at, head.length >> 8);
  at[2] = static_cast<char>(head.length);
  at[3] = static_cast<char>(head.type);
  at[4] = static_cast<char>(head.flags);
  put32(at + 5, head.stream);
}

}  // namespace sluice::http2
