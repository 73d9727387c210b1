#include "sluice/http2/server.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/grpc.hpp"
#include "sluice/http/reply.hpp"

#include "http2/head.hpp"
#include "http2/session.hpp"
#include "http2/websocket.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::http2 {
namespace {

using http::FieldId;

constexpr Nanos kSecond = 1'000'000'000;
// How long a client may take to answer the PING that follows the first GOAWAY.
constexpr Nanos kDrainGrace = kSecond;
constexpr std::string_view kDrainPing = "draining";

}  // namespace

// One request and its response.
class ServerStream final : public Stream, private http::Downstream {
 public:
  // Streams are several kilobytes and used again at once: each thread keeps some.
  static ServerStream* make();

  // Runs by itself to its end, and then goes back to where it came from.
  void start(ServerSession& session, std::uint32_t id, const http::ServerSettings& settings);
  BlockResult read(HpackDecoder& decoder, std::string_view block, bool end_stream);
  // `refusal`: why it is not served. `reset`: it is told so by RST_STREAM alone.
  void run(const Error& refusal, bool reset);
  Block take_trailers(HpackDecoder& decoder, std::string_view block);

  void prioritise(Priority priority) { priority_ = priority; }
  const http::RequestHead& request() const { return exchange_.request; }
  std::string_view scheme() const { return pseudo_.scheme; }

  static void recycle(ServerStream* stream);

 private:
  struct Free;

  Detached serve(Error refusal);
  void finish();

  Task<Error> interim(const http::ResponseHead& head) override;
  Task<Error> respond() override;
  void close_after() override {}  // other streams have nothing to do with it
  http::BodySource& open_tunnel() override;
  void on_departure(Departed departed, void* context) override;
  void on_lost() override;

  ServerSession& session() const;
  Error check_tunnel();
  void send_head(const http::ResponseHead& head, bool end_stream);
  void fail_response(const Error& error);

  http::Exchange exchange_;
  http::ServerSettings settings_;
  RequestPseudo pseudo_;
  std::string_view websocket_key_;  // of an extended CONNECT: the one we made up
  Departed departed_ = nullptr;
  void* departed_context_ = nullptr;
  bool reset_only_ = false;
};

class ServerSession final : public Session {
 public:
  ServerSession(std::unique_ptr<net::Transport> transport, ServerConnection& connection,
                http::Service& service)
      : ServerSession(std::move(transport), connection, service, service.settings(connection.listener())) {}

  void run() {
    announce({{Setting::max_concurrent_streams, limits_.streams},
              {Setting::max_header_list_size, limits_.head},
              {Setting::enable_connect_protocol, 1},
              {Setting::no_rfc7540_priorities, 1}});
    started_ = true;
    if (draining_) begin_drain();
    start();
  }

  void drain() {
    if (draining_) return;
    draining_ = true;
    if (started_) begin_drain();
  }

  http::Service& service() const { return service_; }
  http::Origin origin() const;
  // Whether a request for `host` may come by this connection: the name it was opened for, or one that the
  // certificate shown then is valid for (RFC 9113 §9.1.1).
  bool serves(std::string_view host, std::string_view scheme);
  void count_reset() { take_reset_token(); }
  // The last a stream does.
  void finish(ServerStream& stream);

 private:
  ServerSession(std::unique_ptr<net::Transport> transport, ServerConnection& connection,
                http::Service& service, const http::ServerSettings& settings)
      : Session(std::move(transport), Role::server, limits_from(settings)),
        connection_(connection),
        service_(service),
        drain_deadline_(&ServerSession::on_drain_deadline, this),
        accepted_(loop().now()),
        idle_since_(accepted_),
        header_(settings.header) {}

  static SessionLimits limits_from(const http::ServerSettings& settings) {
    SessionLimits out;
    out.streams = settings.http2.streams;
    out.head = settings.limits.bytes;
    out.resets = settings.http2.resets;
    out.control_frames = settings.http2.control_frames;
    out.continuations = settings.http2.continuations;
    out.stall = settings.body;
    return out;
  }

  void on_block(const FrameHead& head, std::string_view block, bool malformed) override;
  void on_known_stream(ServerStream& stream, const FrameHead& head, std::string_view block, bool malformed);
  void on_used_id(std::uint32_t id, std::string_view block);
  void on_request(const FrameHead& head, std::string_view block, bool malformed);
  void block_error(Block verdict);
  bool full() const;
  void on_goaway(std::uint32_t last, Code code) override;
  void on_ping_ack(std::string_view opaque) override;
  void on_silence() override;
  Nanos read_deadline() const override;
  void on_abuse(http::Abuse reason) override { service_.abused(connection_, reason); }
  void on_priority_update(std::uint32_t stream, std::string_view value) override;
  void ended() override { service_.ended(connection_); }

  void begin_drain();
  void finish_drain();
  static void on_drain_deadline(void* self) { static_cast<ServerSession*>(self)->finish_drain(); }

  ServerConnection& connection_;
  http::Service& service_;
  net::Deadline drain_deadline_;
  Nanos accepted_;
  Nanos idle_since_;
  Nanos header_;
  bool started_ = false;
  bool draining_ = false;
  bool drained_ = false;  // the second GOAWAY is out: no further stream counts
  bool client_leaves_ = false;
};

// ---- the stream

struct ServerStream::Free {
  static constexpr std::size_t kKeep = 128;
  std::vector<ServerStream*> streams;
  ~Free() {
    for (ServerStream* stream : streams)
      delete stream;
  }
  static Free& of_thread() {
    thread_local Free free;
    return free;
  }
};

ServerStream* ServerStream::make() {
  auto& free = Free::of_thread().streams;
  if (free.empty()) return new ServerStream;
  ServerStream* const stream = free.back();
  free.pop_back();
  return stream;
}

void ServerStream::recycle(ServerStream* stream) {
  stream->exchange_.reset();
  auto& free = Free::of_thread().streams;
  if (free.size() < Free::kKeep) {
    free.push_back(stream);
  } else {
    delete stream;
  }
}

ServerSession& ServerStream::session() const { return static_cast<ServerSession&>(*session_); }

void ServerStream::start(ServerSession& session, std::uint32_t id, const http::ServerSettings& settings) {
  open(session, id);
  settings_ = settings;
  pseudo_ = {};
  websocket_key_ = {};
  departed_ = nullptr;
  reset_only_ = false;
  exchange_.origin = session.origin();
  exchange_.downstream = this;
  exchange_.record.started = session.loop().now();
}

BlockResult ServerStream::read(HpackDecoder& decoder, std::string_view block, bool end_stream) {
  http::RequestHead& request = exchange_.request;
  const BlockResult result =
      read_request(decoder, block, end_stream, settings_.limits, exchange_.arena, request, pseudo_);
  if (!pseudo_.priority.empty()) prioritise(parse_priority(pseudo_.priority));
  received().set_limits(http::is_grpc(request) ? http::kGrpcSilence : settings_.body, settings_.max_body);
  received().expect(pseudo_.length);
  received().hold_last();
  if (!end_stream) exchange_.request_body = &received();
  if (!request.upgrade.empty()) {
    exchange_.request_body = nullptr;  // until the tunnel is open
    // The client has none to give (RFC 8441 §5); one that comes all the same must not stand beside ours.
    for (http::Field& field : request.fields.all()) {
      if (iequals(field.name, kWebSocketKey)) field.dropped = true;
    }
    websocket_key_ = make_websocket_key(exchange_.arena);
    request.fields.add(exchange_.arena, kWebSocketKey, websocket_key_, FieldId::other);
  }
  return result;
}

void ServerStream::run(const Error& refusal, bool reset) {
  reset_only_ = reset;
  serve(refusal);
}

Detached ServerStream::serve(Error refusal) {
  http::Service& service = session().service();
  if (refusal) {
    co_await service.refuse(exchange_, refusal);
  } else {
    co_await service.serve(exchange_);
  }
  finish();
}

void ServerStream::finish() {
  departed_ = nullptr;
  if (gone() == Gone::no && !local_ended())
    abandon(Code::cancel);  // the client must not be told anything more
  // The rest of a request that was answered already is not wanted (RFC 9113 §8.1).
  if (gone() == Gone::no && !remote_ended()) abandon(Code::no_error);
  session().finish(*this);
}

Block ServerStream::take_trailers(HpackDecoder& decoder, std::string_view block) {
  return read_trailers(decoder, block, http::kTrailerLimits, exchange_.arena, received().received_trailers())
      .verdict;
}

void ServerStream::send_head(const http::ResponseHead& head, bool end_stream) {
  std::string& block = session_->begin_block();
  HpackEncoder& encoder = session_->encoder();
  encoder.status(block, head.status);
  for (const http::Field& field : head.fields.all()) {
    if (field.dropped || connection_specific(field.id)) continue;  // whatever way they got here
    encoder.field(block, field.name, field.value, field.id);
  }
  if (head.framing == http::Framing::length) {
    encoder.field(block, "content-length", Decimal(head.length).view(), FieldId::content_length);
  }
  session_->send_block(*this, block, end_stream);
}

Task<Error> ServerStream::interim(const http::ResponseHead& head) {
  // To a client that reads nothing it would say nothing.
  if (!lost() && session_->reads()) send_head(head, false);
  co_return lost();
}

http::BodySource& ServerStream::open_tunnel() {
  received().set_limits(http::kTunnelSilence, 0);
  settings_.body = http::kTunnelSilence;
  exchange_.request_body = &received();
  return received();
}

// An extended CONNECT is accepted with 200 where HTTP/1.1 says 101, so a server that knows nothing of
// WebSockets and says 200 to a mere GET must not seem to have accepted.
Error ServerStream::check_tunnel() {
  http::ResponseHead& head = exchange_.response;
  if (head.status != 101) {
    return head.status >= 200 && head.status < 300 ? Error{ErrorKind::malformed, Side::upstream} : Error{};
  }
  const http::Field* accept = head.fields.find(kWebSocketAccept);
  if (accept == nullptr || accept->value != websocket_accept(websocket_key_, exchange_.arena)) {
    return {ErrorKind::malformed, Side::upstream};
  }
  for (http::Field& field : head.fields.all()) {
    if (iequals(field.name, kWebSocketAccept)) field.dropped = true;
  }
  head.status = 200;
  return {};
}

Task<Error> ServerStream::respond() {
  if (lost()) co_return lost();
  if (reset_only_) {
    abandon(Code::protocol_error);
    session().count_reset();
    co_return Error{};
  }
  http::ResponseHead& head = exchange_.response;
  const bool tunnel = head.status == 101;
  if (!websocket_key_.empty()) {
    if (const Error error = check_tunnel()) {
      abandon(Code::internal_error);
      co_return error;
    }
  }
  const bool head_only =
      !tunnel && (exchange_.request.method == http::Method::head || http::bodiless(head.status));
  const bool empty = head.framing == http::Framing::length && head.length == 0;
  http::BodySource* const body = head_only || empty ? nullptr : exchange_.response_body;
  send_head(head, body == nullptr);
  Error error;
  if (body != nullptr) {
    error = co_await send_body(*body, exchange_.own_field, settings_.body, exchange_.record.bytes_out);
  }
  exchange_.record.bytes_in = received().bytes();
  if (error && gone() == Gone::no) fail_response(error);
  co_return error;
}

// The response cannot be completed, and the client must see that: a call by its status, anything else by a
// reset.
void ServerStream::fail_response(const Error& error) {
  if (error.side != Side::upstream || !http::is_grpc(exchange_.request)) return abandon(Code::internal_error);
  http::Fields status;
  http::add_grpc_status(exchange_.arena, status, http::reason_for(error));
  std::string& block = session_->begin_block();
  for (const http::Field& field : status.all())
    session_->encoder().field(block, field.name, field.value, field.id);
  session_->send_block(*this, block, true);
}

void ServerStream::on_departure(Departed departed, void* context) {
  departed_ = departed;
  departed_context_ = context;
  if (departed != nullptr && lost()) departed(context, http::Departure::gone);
}

void ServerStream::on_lost() {
  if (departed_ != nullptr) departed_(departed_context_, http::Departure::gone);
}

// ---- the session

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
  if ((head.stream & 1) == 0) return connection_error(Code::protocol_error);
  if (Stream* known = find(head.stream)) {
    return on_known_stream(static_cast<ServerStream&>(*known), head, block, malformed);
  }
  if (head.stream <= last_stream_) return on_used_id(head.stream, block);
  on_request(head, block, malformed);
}

void ServerSession::block_error(Block verdict) {
  if (verdict == Block::bomb) return connection_error(Code::enhance_your_calm, http::Abuse::header_bomb);
  connection_error(Code::compression_error);
}

// Trailers, or what comes too late.
void ServerSession::on_known_stream(ServerStream& stream, const FrameHead& head, std::string_view block,
                                    bool malformed) {
  if (stream.gone() == Stream::Gone::by_peer) return connection_error(Code::stream_closed);
  const bool wanted = stream.gone() == Stream::Gone::no && !stream.remote_ended();
  if (!wanted) {
    if (!skip_block(decoder_, block)) return connection_error(Code::compression_error);
    if (stream.gone() == Stream::Gone::no) return stream_error(head.stream, Code::stream_closed);
    take_control_token();
    return;
  }
  const Block verdict = stream.take_trailers(decoder_, block);
  if (verdict == Block::bomb || verdict == Block::compression) return block_error(verdict);
  if (verdict != Block::good || malformed || !head.has(kEndStream)) {
    return stream_error(head.stream, Code::protocol_error);
  }
  end_received(stream);
}

// Either it was used, or the client has passed it over: then it may not be used any more (RFC 9113 §5.1.1).
void ServerSession::on_used_id(std::uint32_t id, std::string_view block) {
  const auto by_us = closed_by_us(id);
  if (!by_us) return connection_error(Code::protocol_error);
  if (!*by_us) return connection_error(Code::stream_closed);
  if (!skip_block(decoder_, block)) return connection_error(Code::compression_error);
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
    if (!skip_block(decoder_, block)) return connection_error(Code::compression_error);
    return pass_over(head.stream);
  }
  last_served_ = head.stream;
  if (full()) {
    if (!skip_block(decoder_, block)) return connection_error(Code::compression_error);
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
    result = {Block::refused, {ErrorKind::misdirected, Side::downstream}};
  }
  add(*stream);
  if (end_stream) end_received(*stream);
  const bool reset = malformed || result.verdict == Block::malformed;
  if (reset) result.error = {ErrorKind::malformed, Side::downstream};
  stream->run(result.error, reset);
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
  if (!got_settings_ || block_since() != 0 || partial_frame()) return connection_error(Code::no_error);
  if (!streams().empty()) return;
  send_goaway(last_served_, Code::no_error);
  close();
}

// ---- the connection

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport, http::Service& service,
                                   std::string peer_ip, std::uint32_t listener)
    : Connection(std::move(peer_ip), listener),
      session_(std::make_unique<ServerSession>(std::move(transport), *this, service)) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::run() { session_->run(); }
void ServerConnection::drain() { session_->drain(); }
void ServerConnection::abort() { session_->fail({ErrorKind::cancelled, Side::internal}); }

}  // namespace sluice::http2
