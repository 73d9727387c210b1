#include "http2/server_session.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
// How long a client may take to answer the PING that follows the first GOAWAY.
constexpr Nanos kDrainGrace = kSecond;
constexpr std::string_view kDrainPing = "draining";

}  // namespace

http::Origin ServerSession::origin() const {
  http::Origin out;
  out.peer_ip = connection_.peer_ip();
  out.listener = connection_.listener();
  out.secure = transport().ssl() != nullptr;
  out.tls_version = transport().tls_version();
  out.sni = transport().server_name();
  return out;
}

bool ServerSession::serves(std::string_view host, std::string_view scheme) {
  if (transport().ssl() == nullptr) return true;
  if (scheme != "https") return false;
  const std::string_view sni = transport().server_name();
  if (connection_.holder(host, sni) == http::Holder::shown) return true;
  // Addresses are not sent as SNI.
  return sni.empty() && (host.starts_with('[') || IpAddress::parse(host).has_value());
}

void ServerSession::on_block(const FrameHead& head, std::string_view block, bool malformed) {
  if ((head.stream & 1) == 0) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (Stream* known = find(head.stream)) {
    return on_known_stream(static_cast<ServerStream&>(*known), head, block, malformed);
  }
  if (head.stream <= last_stream_) return on_used_id(head.stream, block);
  on_request(head, block, malformed);
}

void ServerSession::block_error(Block verdict) {
  if (verdict == Block::bomb) return end_abuse(http::Abuse::header_bomb);
  connection_error(Code::compression_error, Rule::h2_hpack);
}

// Trailers, or what comes too late.
void ServerSession::on_known_stream(ServerStream& stream, const FrameHead& head, std::string_view block,
                                    bool malformed) {
  if (stream.gone() == Stream::Gone::by_peer)
    return connection_error(Code::stream_closed, Rule::h2_after_end);
  const bool wanted = stream.gone() == Stream::Gone::no && !stream.remote_ended();
  if (!wanted) {
    if (!skip_block(decoder_, block)) return block_error(Block::compression);
    if (stream.gone() == Stream::Gone::no)
      return stream_error(head.stream, Code::stream_closed, Rule::after_end);
    take_control_token();
    return;
  }
  const BlockResult result = stream.take_trailers(decoder_, block);
  if (result.verdict == Block::bomb || result.verdict == Block::compression)
    return block_error(result.verdict);
  Rule rule = result.error.rule;
  if (malformed) rule = Rule::self_dependency;
  if (rule == Rule::none && !head.has(kEndStream)) rule = Rule::more_headers;
  if (rule != Rule::none) return stream_error(head.stream, Code::protocol_error, rule);
  end_received(stream);
}

// Either it was used, or the client has passed it over: then it may not be used any more (RFC 9113 §5.1.1).
void ServerSession::on_used_id(std::uint32_t id, std::string_view block) {
  const auto by_us = closed_by_us(id);
  if (!by_us) return connection_error(Code::protocol_error, Rule::h2_stream_id);
  if (!*by_us) return connection_error(Code::stream_closed, Rule::h2_after_end);
  if (!skip_block(decoder_, block)) return block_error(Block::compression);
  take_control_token();
}

// Streams that were reset still count twice over while their handlers come to an end.
bool ServerSession::full() const {
  if (streams().size() < limits_.streams) return false;
  const auto open = std::count_if(streams().begin(), streams().end(),
                                  [](const Stream* stream) { return stream->gone() == Stream::Gone::no; });
  return static_cast<std::size_t>(open) >= limits_.streams ||
         streams().size() >= std::size_t{limits_.streams} * 2;
}

void ServerSession::on_request(const FrameHead& head, std::string_view block, bool malformed) {
  last_stream_ = head.stream;
  if (drained_) {  // it was told that this one would not count
    if (!skip_block(decoder_, block)) return block_error(Block::compression);
    return pass_over(head.stream);
  }
  last_served_ = head.stream;
  if (full()) {
    if (!skip_block(decoder_, block)) return block_error(Block::compression);
    return refuse_stream(head.stream);
  }
  ServerStream* const stream = ServerStream::make();
  stream->start(*this, head.stream, service_.settings(connection_.listener()));
  const bool end_stream = head.has(kEndStream);
  BlockResult result = stream->read(decoder_, block, end_stream);
  if (result.verdict == Block::bomb || result.verdict == Block::compression) {
    ServerStream::recycle(stream);
    return block_error(result.verdict);
  }
  if (result.verdict == Block::good && !serves(stream->request().host, stream->scheme())) {
    result = {Block::refused, broken(Rule::misdirected, Side::downstream)};
  }
  add(*stream);
  if (end_stream) end_received(*stream);
  if (malformed) result = {Block::malformed, broken(Rule::self_dependency, Side::downstream)};
  stream->run(result.error, result.verdict == Block::malformed);
}

void ServerSession::finish(ServerStream& stream) {
  idle_since_ = loop().now();
  if (stream.gone() == Stream::Gone::no) end_well();
  if (streams().size() == 1 && (drained_ || client_leaves_) && alive()) close();
  remove(stream);  // may destroy the session
  ServerStream::recycle(&stream);
}

void ServerSession::on_priority_update(std::uint32_t id, std::string_view value) {
  if (Stream* stream = find(id)) static_cast<ServerStream*>(stream)->prioritise(parse_priority(value));
}

void ServerSession::on_goaway(std::uint32_t /*last*/, Code /*code*/) {
  client_leaves_ = true;
  if (streams().empty()) close();
}

void ServerSession::begin_drain() {
  send_goaway(kLargestStream, Code::no_error);
  send_ping(kDrainPing);
  drain_deadline_.arm(loop(), loop().now() + kDrainGrace);
}

void ServerSession::on_ping_ack(std::string_view opaque) {
  if (draining_ && opaque == kDrainPing) finish_drain();
}

void ServerSession::finish_drain() {
  if (drained_ || !alive()) return;
  drained_ = true;
  drain_deadline_.disarm();
  send_goaway(last_served_, Code::no_error);
  if (streams().empty()) close();
}

Nanos ServerSession::read_deadline() const {
  if (!got_settings_) return accepted_ + header_;
  if (block_since() != 0) return block_since() + header_;
  if (partial_frame()) return partial_deadline(header_);
  const Nanos idle = service_.settings(connection_.listener()).idle;
  return streams().empty() ? idle_since_ + idle : loop().now() + idle;
}

// Also called when the time ran out for what has come meanwhile: looks again.
void ServerSession::on_silence() {
  const Nanos now = loop().now();
  if (now < read_deadline()) return;
  if (!got_settings_ || block_since() != 0 || partial_frame())
    return connection_error(Code::no_error, Rule::none);
  if (!streams().empty()) return;
  send_goaway(last_served_, Code::no_error);
  close();
}

}  // namespace sluice::http2
