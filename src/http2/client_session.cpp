#include "http2/client_session.hpp"

#include <algorithm>
#include <vector>

namespace sluice::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
// A response in flight to a slow client: what one stream may hold.
constexpr std::int64_t kStreamWindow = 128 * 1024;
// Of a server that is so far away windows are opened with the request: to wait until the response turns out
// large would cost a round trip. Nearer ones are spared the frame.
constexpr Nanos kFar = 5'000'000;
// A server that is silent for so long while streams wait is asked whether it lives, and given so long to
// answer. Not asked again soon: gRPC servers end connections that ping more than once in five minutes.
constexpr Nanos kSilence = 30 * kSecond;
constexpr Nanos kPingAnswer = 10 * kSecond;
constexpr Nanos kPingAgain = 300 * kSecond;
constexpr std::string_view kPing = "alive? .";
constexpr Nanos kStall = 60 * kSecond;

SessionLimits client_limits() {
  SessionLimits out;
  out.head = kResponseLimits.bytes;
  out.resets = 100'000;  // our own servers are not fought, only bounded
  out.control_frames = 100'000;
  out.continuations = 64;
  out.streams = ClientConnection::kMostStreams;
  out.stream_window = kStreamWindow;
  out.stall = kStall;
  return out;
}

}  // namespace

ClientSession::ClientSession(std::unique_ptr<net::Transport> transport, ClientConnection& connection,
                             ClientOwner& owner)
    : Session(std::move(transport), Role::client, client_limits()), connection_(connection), owner_(owner) {}

bool ClientSession::is_far() const { return round_trip().distance() >= kFar; }

void ClientSession::run() {
  announce({{Setting::enable_push, 0}, {Setting::initial_window_size, kStreamWindow}});
  start();
}

void ClientSession::on_block(const FrameHead& head, std::string_view block, bool malformed) {
  Stream* const known = find(head.stream);
  if (known == nullptr || known->gone() != Stream::Gone::no || known->remote_ended()) {
    if (head.stream % 2 == 0 || head.stream > last_stream_) {
      return connection_error(Code::protocol_error, Rule::h2_stream_id);
    }
    if (!skip_block(decoder_, block)) return connection_error(Code::compression_error, Rule::h2_hpack);
    if (known != nullptr && known->gone() == Stream::Gone::no)
      return stream_error(head.stream, Code::stream_closed, Rule::after_end);
    take_control_token();
    return;
  }
  auto& stream = static_cast<ClientExchange&>(*known);
  const bool end_stream = head.has(kEndStream);
  const bool trailers = stream.headed();
  const BlockResult result =
      trailers ? stream.take_trailers(decoder_, block) : stream.take_head(decoder_, block, end_stream);
  if (result.verdict == Block::compression) return connection_error(Code::compression_error, Rule::h2_hpack);
  if (result.verdict == Block::bomb) return connection_error(Code::enhance_your_calm, Rule::h2_field_bomb);
  Rule rule = result.error.rule;
  if (malformed) rule = Rule::self_dependency;
  if (rule == Rule::none && trailers && !end_stream) rule = Rule::more_headers;
  if (rule != Rule::none) return stream_error(head.stream, Code::protocol_error, rule);
  if (end_stream) end_received(stream);
}

// Streams above `last` were not looked at: whoever waits for them may ask again elsewhere (RFC 9113 §6.8).
void ClientSession::on_goaway(std::uint32_t last, Code /*code*/) {
  leaving_ = true;
  const std::vector<Stream*> open = streams();
  for (Stream* stream : open) {
    if (stream->id() > last) {
      static_cast<ClientExchange*>(stream)->fail_with(upstream_error(ErrorKind::refused),
                                                      Stream::Gone::by_peer);
    }
  }
  if (active() == 0) close();
}

Nanos ClientSession::read_deadline() const {
  if (ping_open_) return pinged_ + kPingAnswer;
  if (streams().empty()) return loop().now() + kSilence;
  const Nanos due = std::max(last_read_ + kSilence, pinged_ == 0 ? 0 : pinged_ + kPingAgain);
  return std::max(due, loop().now() + kSecond);
}

void ClientSession::on_silence() {
  const Nanos now = loop().now();
  if (ping_open_) {
    if (now >= pinged_ + kPingAnswer) fail(upstream_error(ErrorKind::timed_out));
    return;
  }
  if (streams().empty() || now - last_read_ < kSilence || !got_settings_) return;
  if (pinged_ != 0 && now - pinged_ < kPingAgain) return;
  pinged_ = now;
  ping_open_ = true;
  send_ping(kPing);
}

}  // namespace sluice::http2
