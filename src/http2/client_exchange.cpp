#include "http2/client_exchange.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/grpc.hpp"

#include "http2/client_session.hpp"
#include "http2/websocket.hpp"

#include <utility>

namespace sluice::http2 {
namespace {

using http::FieldId;

// Interim responses before one final response; more is a flood.
constexpr std::size_t kMostInterim = 16;

}  // namespace

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

// What may stay open for hours and say little is not worth a large window.
bool ClientExchange::may_be_large(const http::RequestHead& request) const {
  return !tunnel_ && request.method != http::Method::head && !http::is_grpc(request);
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
  if (connection_.is_far() && may_be_large(exchange.request)) received().open_wide();
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
    if (++interims_ > kMostInterim) {
      return {Block::malformed, broken(Rule::interim_flood, Side::upstream)};
    }
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

BlockResult ClientExchange::take_trailers(HpackDecoder& decoder, std::string_view block) {
  return read_trailers(decoder, block, kResponseLimits, exchange_->arena, received().received_trailers());
}

}  // namespace sluice::http2
