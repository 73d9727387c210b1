#include "origin/websocket.hpp"

#include "origin/toolkit/http_text.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace sluice::origin {
namespace {

enum Opcode : unsigned { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

constexpr unsigned protocol_error = 1002;

struct FrameHead {
  unsigned opcode = 0;
  bool final = false;
  bool valid = false;
  std::uint64_t length = 0;
  std::array<unsigned char, 4> mask{};
  std::size_t head_bytes = 0;

  bool is_control() const { return opcode >= close; }
};

std::string accept_key(std::string_view key) {
  const std::string salted = fmt::format("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(salted.data(), salted.size(), digest.data(), &length, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  const int written = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return {encoded.begin(), encoded.begin() + written};
}

unsigned byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

// False while the head is incomplete. Judges what one frame can be judged by; the order of fragments is the
// caller's business.
bool read_frame_head(std::string_view input, FrameHead& frame) {
  if (input.size() < 2) return false;
  const unsigned first = byte_at(input, 0);
  const unsigned second = byte_at(input, 1);
  const unsigned short_length = second & 0x7F;
  const std::size_t extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  const bool masked = (second & 0x80) != 0;  // as a client's frames must be
  const std::size_t mask_bytes = masked ? frame.mask.size() : 0;
  frame.head_bytes = 2 + extended + mask_bytes;
  if (input.size() < frame.head_bytes) return false;
  frame.final = (first & 0x80) != 0;
  frame.opcode = first & 0x0F;
  frame.length = extended == 0 ? short_length : 0;
  for (std::size_t i = 0; i < extended; ++i)
    frame.length = frame.length << 8 | byte_at(input, 2 + i);
  for (std::size_t i = 0; i < mask_bytes; ++i)
    frame.mask[i] = static_cast<unsigned char>(byte_at(input, 2 + extended + i));
  const bool reserved =
      (first & 0x70) != 0 || (frame.opcode > binary && frame.opcode < close) || frame.opcode > pong;
  const bool control_fits = !frame.is_control() || (frame.final && frame.length <= 125);
  frame.valid = masked && !reserved && control_fits && frame.length >> 63 == 0;
  return true;
}

// A server's frames are not masked.
std::string frame_head(unsigned opcode, bool final, std::uint64_t length) {
  std::string head(1, static_cast<char>(opcode | (final ? 0x80U : 0U)));
  const unsigned extended = length < 126 ? 0 : length <= 0xFFFF ? 2 : 8;
  head += static_cast<char>(extended == 0 ? length : extended == 2 ? 126 : 127);
  for (unsigned i = extended; i > 0; --i)
    head += static_cast<char>(length >> 8 * (i - 1) & 0xFF);
  return head;
}

std::string close_frame(unsigned code) {
  return frame_head(close, true, 2) + static_cast<char>(code >> 8) + static_cast<char>(code & 0xFF);
}

void append_unmasked(std::string& out, std::string_view payload, const FrameHead& frame,
                     std::uint64_t offset) {
  const std::size_t start = out.size();
  out += payload;
  for (std::size_t i = 0; i < payload.size(); ++i)
    out[start + i] = static_cast<char>(out[start + i] ^ frame.mask[(offset + i) % frame.mask.size()]);
}

// Sends the payload of `frame` back as it arrives, behind what is already in `out`.
Task<> echo_payload(Stream& stream, const FrameHead& frame, std::string out) {
  for (std::uint64_t offset = 0;;) {
    const auto part =
        stream.input().substr(0, std::min<std::uint64_t>(stream.input().size(), frame.length - offset));
    append_unmasked(out, part, frame, offset);
    offset += part.size();
    stream.consume(part.size());
    co_await stream.write(out);
    out.clear();
    if (offset == frame.length) co_return;
    const bool more = co_await stream.fill(64 * toolkit::KiB);
    if (!more) throw PeerGone{};
  }
}

}  // namespace

std::string websocket_objection(const Request& request) {
  if (request.method != "GET" || request.minor == 0) return "a WebSocket starts with GET over HTTP/1.1";
  if (find_field(request.fields, "sec-websocket-version") != "13") return "Sec-WebSocket-Version must be 13";
  if (find_field(request.fields, "sec-websocket-key").size() != 24)
    return "Sec-WebSocket-Key must be 16 bytes in base64";
  return {};
}

Task<> echo_websocket(Stream& stream, const Request& request) {
  const auto protocols = find_field(request.fields, "sec-websocket-protocol");
  const auto protocol = toolkit::trim(protocols.substr(0, protocols.find(',')));
  const std::string accepted = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: {}\r\n{}\r\n",
      accept_key(find_field(request.fields, "sec-websocket-key")),
      protocol.empty() ? "" : fmt::format("Sec-WebSocket-Protocol: {}\r\n", protocol));
  co_await stream.write(accepted);

  bool in_message = false;  // between the fragments of one
  for (;;) {
    FrameHead frame;
    while (!read_frame_head(stream.input(), frame)) {
      const bool more = co_await stream.fill();
      if (!more) co_return;
    }
    const bool in_order = frame.is_control() || (frame.opcode == continuation) == in_message;
    if (!frame.valid || !in_order) {
      const std::string farewell = close_frame(protocol_error);
      co_await stream.write(farewell);
      co_return;
    }
    stream.consume(frame.head_bytes);
    if (!frame.is_control()) in_message = !frame.final;
    if (frame.opcode == pong) {  // unasked for, and needs no answer; its payload must still be read
      while (stream.input().size() < frame.length) {
        const bool more = co_await stream.fill();
        if (!more) co_return;
      }
      stream.consume(frame.length);
      continue;
    }
    const unsigned answer = frame.opcode == ping ? unsigned{pong} : frame.opcode;
    co_await echo_payload(stream, frame, frame_head(answer, frame.final, frame.length));
    if (frame.opcode == close) co_return;
  }
}

}  // namespace sluice::origin
