#include "sluice/http2/client.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"

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
// What applications send in heads; they are not attackers (as for HTTP/1).
constexpr http::HeadLimits kResponseLimits{64 * 1024, 256};
// Interim responses before one final response; more is a flood.
constexpr std::size_t kMostInterim = 16;
// A response in flight to a slow client: what one stream may hold, and what those that move fast may have
// more.
constexpr std::int64_t kStreamWindow = 128 * 1024;
constexpr std::int64_t kGrowth = 8 * 1024 * 1024;
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
  out.growth = kGrowth;
  out.stall = kStall;
  return out;
}

Error upstream_error(ErrorKind kind) { return {kind, Side::upstream}; }

}  // namespace

class ClientExchange final : public Stream, public ClientStream {
 public:
  explicit ClientExchange(ClientSession& connection)
      : connection_(connection), deadline_(&ClientExchange::on_deadline, this) {}
  ~ClientExchange() override;

  void begin(const http::UpstreamLimits& limits) override;
  Task<Error> send(http::Exchange& exchange, std::string_view default_host) override;
  bool sent_all() const override { return sent_all_; }
  Task<Error> upload(http::Exchange& exchange) override;
  Task<Error> receive(http::Exchange& exchange) override;
  void allow_silence(Nanos longest) override { received().set_limits(std::max(limits_.body, longest), 0); }
  bool heard() const override { return heard_; }
  void cancel(ErrorKind kind) override;

  // From the session.
  BlockResult take_head(HpackDecoder& decoder, std::string_view block, bool end_stream);
  Block take_trailers(HpackDecoder& decoder, std::string_view block);
  bool headed() const { return has_head_; }
  void fail_with(const Error& error, Gone how) { lose(error, how); }

 private:
  struct HeadWait;

  void on_lost() override { wake(); }
  void wake();
  static void on_deadline(void* self);
  void send_head(const http::Exchange& exchange, std::string_view default_host, bool end_stream);
  void accept_tunnel(http::Exchange& exchange);

  ClientSession& connection_;
  http::Exchange* exchange_ = nullptr;
  http::UpstreamLimits limits_;
  net::Deadline deadline_;
  HeadWait* waiting_ = nullptr;
  std::vector<http::ResponseHead> interim_;
  std::size_t interims_ = 0;
  http::ResponseHead head_;
  std::uint64_t sent_bytes_ = 0;
  Nanos last_sent_ = 0;
  bool heard_ = false;
  bool has_head_ = false;
  bool tunnel_ = false;
  bool sent_all_ = false;
  bool uploading_ = false;
};

class ClientSession final : public Session {
 public:
  ClientSession(std::unique_ptr<net::Transport> transport, ClientConnection& connection, ClientOwner& owner)
      : Session(std::move(transport), Role::client, client_limits()),
        connection_(connection),
        owner_(owner) {}

  void run() {
    announce({{Setting::enable_push, 0}, {Setting::initial_window_size, kStreamWindow}});
    start();
  }

  bool available() const {
    return is_ready() && !leaving_ && alive() && promised_ + streams().size() < most() &&
           next_id_ < kLargestStream;
  }
  bool is_ready() const { return got_settings_; }
  std::size_t most() const { return std::min<std::size_t>(peer_streams_, ClientConnection::kMostStreams); }
  bool usable() const { return alive() && !leaving_ && streams().size() < most(); }
  bool speaks_connect() const { return peer_connect_protocol_; }
  std::size_t active() const { return promised_ + streams().size(); }

  void promise() {
    ++promised_;
    hold();
  }
  void break_promise() {
    --promised_;
    let_go();
  }
  // The stream begins, with next_id() for its number.
  void admit(Stream& stream) {
    last_stream_ = stream.id();
    next_id_ += 2;
    if (streams().empty()) last_read_ = loop().now();  // silence counts from here
    add(stream);
    break_promise();
  }
  std::uint32_t next_id() const { return next_id_; }
  // A stream waited in vain since `since`. If nothing at all has come, the way may be dead: nobody else is
  // sent there.
  void suspect(Nanos since) {
    if (last_read_ < since) leaving_ = true;
  }
  void release(ClientExchange& stream) {
    hold();
    if (stream.id() != 0) {
      remove(stream);
    } else {
      break_promise();
    }
    if (leaving_ && active() == 0 && alive()) close();
    owner_.released(connection_);
    let_go();  // may destroy the session
  }
  void drain() {
    leaving_ = true;
    if (active() == 0 && alive()) {
      send_goaway(0, Code::no_error);
      close();
    }
  }

 private:
  void on_block(const FrameHead& head, std::string_view block, bool malformed) override;
  void on_settings() override {
    if (!std::exchange(told_ready_, true)) owner_.ready(connection_);
  }
  void on_goaway(std::uint32_t last, Code code) override;
  void on_ping_ack(std::string_view /*opaque*/) override { ping_open_ = false; }
  void on_silence() override;
  Nanos read_deadline() const override;
  void on_abuse(http::Abuse /*reason*/) override {}
  void ended() override {
    if (!std::exchange(told_ready_, true)) owner_.ready(connection_);
    owner_.ended(connection_);
  }

  ClientConnection& connection_;
  ClientOwner& owner_;
  std::uint32_t next_id_ = 1;
  std::size_t promised_ = 0;  // opened, and not begun yet
  Nanos pinged_ = 0;
  bool ping_open_ = false;
  bool leaving_ = false;  // GOAWAY, theirs or ours
  bool told_ready_ = false;
};

// ---- the exchange

struct ClientExchange::HeadWait {
  ClientExchange& stream;
  Nanos deadline;
  bool timed_out = false;
  net::Waiter waiter{};
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept {
    waiter.handle = handle;
    stream.waiting_ = this;
    stream.deadline_.arm(stream.connection_.loop(), deadline);
  }
  bool await_resume() const noexcept { return !timed_out; }
};

ClientExchange::~ClientExchange() {
  const bool begun = id() != 0;
  if (begun && gone() == Gone::no && !(local_ended() && remote_ended())) abandon(Code::cancel);
  connection_.release(*this);
}

void ClientExchange::begin(const http::UpstreamLimits& limits) { limits_ = limits; }

void ClientExchange::send_head(const http::Exchange& exchange, std::string_view default_host,
                               bool end_stream) {
  const http::RequestHead& request = exchange.request;
  std::string& block = session_->begin_block();
  HpackEncoder& encoder = session_->encoder();
  encoder.field(block, ":method", tunnel_ ? "CONNECT" : request.method_text, FieldId::other);
  encoder.field(block, ":scheme", session_->transport().ssl() != nullptr ? "https" : "http", FieldId::other);
  encoder.field(block, ":authority", request.authority.empty() ? default_host : request.authority,
                FieldId::other);
  encoder.field(block, ":path", request.target, FieldId::other);
  if (tunnel_) encoder.field(block, ":protocol", "websocket", FieldId::other);
  for (const http::Field& field : request.fields.all()) {
    if (field.dropped || field.id == FieldId::host) continue;
    if (tunnel_ && iequals(field.name, kWebSocketKey)) continue;  // RFC 8441 §5
    encoder.field(block, field.name, field.value, field.id);
  }
  if (request.trailers_wanted) encoder.field(block, "te", "trailers", FieldId::te);
  if (request.framing == http::Framing::length) {
    encoder.field(block, "content-length", Decimal(request.length).view(), FieldId::content_length);
  }
  session_->send_block(*this, block, end_stream);
}

Task<Error> ClientExchange::send(http::Exchange& exchange, std::string_view default_host) {
  // It ended since it was chosen, or lets fewer in now.
  if (!connection_.usable()) co_return upstream_error(ErrorKind::refused);
  exchange_ = &exchange;
  // Without the server's word for it there is no tunnel; not upgrading is always right (RFC 9110 §7.8).
  tunnel_ = iequals(exchange.request.upgrade, "websocket") && connection_.speaks_connect();
  open(connection_, connection_.next_id());
  connection_.admit(*this);
  await_head();
  received().set_limits(limits_.body, 0);
  http::BodySource* const body = exchange.request_body;
  send_head(exchange, default_host, body == nullptr && !tunnel_);
  sent_all_ = body == nullptr || send_what_is_here(*body, exchange.own_field, sent_bytes_);
  last_sent_ = connection_.loop().now();
  co_return lost();
}

Task<Error> ClientExchange::upload(http::Exchange& exchange) {
  uploading_ = true;
  const Error error =
      co_await send_body(*exchange.request_body, exchange.own_field, limits_.body, sent_bytes_);
  uploading_ = false;
  sent_all_ = !error;
  last_sent_ = connection_.loop().now();
  co_return error;
}

void ClientExchange::wake() {
  if (waiting_ == nullptr) return;
  deadline_.disarm();
  connection_.loop().wake(std::exchange(waiting_, nullptr)->waiter);
}

void ClientExchange::on_deadline(void* self) {
  auto& stream = *static_cast<ClientExchange*>(self);
  if (stream.waiting_ != nullptr) stream.waiting_->timed_out = true;
  stream.wake();
}

Task<Error> ClientExchange::receive(http::Exchange& exchange) {
  if (id() == 0) co_return upstream_error(ErrorKind::refused);  // send() said so already
  for (;;) {
    if (!interim_.empty()) {
      http::ResponseHead head = interim_.front();
      interim_.erase(interim_.begin());
      http::drop_hop_by_hop(head.fields);
      if (const Error error = co_await exchange.downstream->interim(head)) co_return error;
      continue;
    }
    if (has_head_) break;
    if (lost()) co_return lost();
    // The clock runs from the last byte of the request; while that is still to come, the upload has its own.
    const Nanos now = connection_.loop().now();
    const Nanos from = uploading_ ? now : last_sent_;
    const bool came = co_await HeadWait{*this, from + limits_.first_byte};
    if (!came && !uploading_ && connection_.loop().now() >= last_sent_ + limits_.first_byte) {
      connection_.suspect(last_sent_);
      co_return upstream_error(ErrorKind::timed_out);
    }
  }
  exchange.response = head_;
  if (tunnel_ && head_.status >= 200 && head_.status < 300) {
    accept_tunnel(exchange);
  } else if (tunnel_) {
    tunnel_ = false;
    end_without_body();
  }
  const bool bodiless =
      exchange.request.method == http::Method::head || (http::bodiless(exchange.response.status) && !tunnel_);
  exchange.response_body = bodiless ? nullptr : &received();
  co_return Error{};
}

// What HTTP/1.1 would have answered.
void ClientExchange::accept_tunnel(http::Exchange& exchange) {
  received().set_limits(http::kTunnelSilence, 0);
  limits_.body = http::kTunnelSilence;
  sent_all_ = false;
  received().expect(std::nullopt);
  http::ResponseHead& head = exchange.response;
  head.status = 101;
  head.reason = http::reason_of(101);
  head.framing = http::Framing::until_close;
  if (const http::Field* key = exchange.request.fields.find(kWebSocketKey)) {
    head.fields.add(exchange.arena, kWebSocketAccept, websocket_accept(key->value, exchange.arena),
                    FieldId::other);
  }
}

void ClientExchange::cancel(ErrorKind kind) {
  if (id() == 0 || gone() != Gone::no) return;
  if (local_ended() && remote_ended() && has_head_) {
    received().fail(upstream_error(kind));
    return;
  }
  connection_.send_reset(id(), Code::cancel);
  lose(upstream_error(kind), Gone::by_us);
}

BlockResult ClientExchange::take_head(HpackDecoder& decoder, std::string_view block, bool end_stream) {
  heard_ = true;
  http::ResponseHead head;
  const BlockResult result = read_response(decoder, block, end_stream, kResponseLimits,
                                           exchange_->request.method, exchange_->arena, head);
  if (result.verdict != Block::good) return result;
  if (head.status < 200) {
    if (++interims_ > kMostInterim) return {Block::malformed, {}};
    interim_.push_back(head);
  } else {
    head_ = head;
    has_head_ = true;
    expect_data();
    const bool bodiless = exchange_->request.method == http::Method::head || http::bodiless(head.status);
    if (bodiless) received().expect(0);
    if (!bodiless && head.framing == http::Framing::length) received().expect(head.length);
  }
  wake();
  return {};
}

Block ClientExchange::take_trailers(HpackDecoder& decoder, std::string_view block) {
  return read_trailers(decoder, block, kResponseLimits, exchange_->arena, received().received_trailers())
      .verdict;
}

// ---- the session

void ClientSession::on_block(const FrameHead& head, std::string_view block, bool malformed) {
  Stream* const known = find(head.stream);
  if (known == nullptr || known->gone() != Stream::Gone::no || known->remote_ended()) {
    if (head.stream % 2 == 0 || head.stream > last_stream_) return connection_error(Code::protocol_error);
    if (!skip_block(decoder_, block)) return connection_error(Code::compression_error);
    if (known != nullptr && known->gone() == Stream::Gone::no)
      return stream_error(head.stream, Code::stream_closed);
    take_control_token();
    return;
  }
  auto& stream = static_cast<ClientExchange&>(*known);
  const bool end_stream = head.has(kEndStream);
  const bool trailers = stream.headed();
  const Block verdict = trailers ? stream.take_trailers(decoder_, block)
                                 : stream.take_head(decoder_, block, end_stream).verdict;
  if (verdict == Block::compression) return connection_error(Code::compression_error);
  if (verdict == Block::bomb) return connection_error(Code::enhance_your_calm);
  if (verdict != Block::good || malformed || (trailers && !end_stream)) {
    return stream_error(head.stream, Code::protocol_error);
  }
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

// ---- the connection

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport, ClientOwner& owner)
    : session_(std::make_unique<ClientSession>(std::move(transport), *this, owner)) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::run() { session_->run(); }
net::Transport& ClientConnection::transport() { return session_->transport(); }
bool ClientConnection::available() const { return session_->available(); }
bool ClientConnection::is_ready() const { return session_->is_ready(); }
std::size_t ClientConnection::most() const { return session_->most(); }
std::size_t ClientConnection::active() const { return session_->active(); }
void ClientConnection::drain() { session_->drain(); }
void ClientConnection::cancel(ErrorKind kind) { session_->fail({kind, Side::upstream}); }

std::unique_ptr<ClientStream> ClientConnection::open() {
  session_->promise();
  return std::make_unique<ClientExchange>(*session_);
}

}  // namespace sluice::http2
