// What a client is sent, and how it is noticed that it left.
#include "http1/outbox.hpp"
#include "http1/server_session.hpp"
#include "http1/splice.hpp"

namespace sluice::http1 {

using http::BodyStep;
using http::Framing;

namespace {

Error of_client(const Error& error) { return {error.kind, Side::downstream, error.rule, error.cause}; }

}  // namespace

Task<Error> ServerConnection::interim(const http::ResponseHead& head) {
  if (session_->exchange.request.minor == 0) co_return Error{};
  Outbox& out = Outbox::fresh();
  out.response_head(head, Framing::none, {});
  bool done = false;
  Unsent rest;
  Error error = out.flush(*transport_, done, rest);
  if (!error && !done) error = co_await transport_->write_all(rest.pieces, session_->settings.body);
  co_return error ? of_client(error) : error;
}

void ServerConnection::on_departure(Departed departed, void* context) {
  departed_ = departed;
  departed_context_ = context;
  transport_->set_observer(departed != nullptr ? this : nullptr);
  if (departed != nullptr && (transport_->peer_closed() || transport_->hung_up() || aborted_)) {
    on_activity(transport_->hung_up() || aborted_);
  }
}

void ServerConnection::on_activity(bool hung_up) {
  if (!hung_up && !transport_->peer_closed()) return;  // the next request, on its way
  const bool gone = hung_up || session_->settings.half_closed == http::HalfClosed::cancel;
  departed_(departed_context_, gone ? http::Departure::gone : http::Departure::half_closed);
}

// How the body travels on this connection, whatever way it came.
Framing ServerConnection::choose_framing(bool has_body) {
  const http::Exchange& exchange = session_->exchange;
  const http::ResponseHead& head = exchange.response;
  if (head.status == 101) return Framing::none;
  if (head.framing == Framing::length) return Framing::length;
  if (!has_body) return Framing::none;
  if (exchange.request.minor == 1) return Framing::chunked;
  keep_alive_ = false;  // HTTP/1.0 has no other way to tell the end
  return Framing::until_close;
}

std::string_view ServerConnection::connection_field() const {
  const http::ResponseHead& head = session_->exchange.response;
  if (head.status == 101) return "upgrade";
  const bool old = session_->exchange.request.minor == 0;
  if (head.status == 426 && head.fields.find(http::FieldId::upgrade) != nullptr) {
    if (!keep_alive_) return "upgrade, close";
    return old ? "upgrade, keep-alive" : "upgrade";
  }
  if (!keep_alive_) return "close";
  return old ? "keep-alive" : "";
}

http::BodySource& ServerConnection::open_tunnel() {
  Session& s = *session_;
  keep_alive_ = false;
  s.body.start(*transport_, s.in, s.exchange.arena, Framing::until_close, 0, Side::downstream);
  s.body.set_limits(http::kTunnelSilence, 0);
  s.settings.body = http::kTunnelSilence;
  s.exchange.request_body = &s.body;
  return s.body;
}

Task<Error> ServerConnection::respond() {
  responding_ = true;
  http::Exchange& exchange = session_->exchange;
  http::ResponseHead& head = exchange.response;
  const bool head_only =
      exchange.request.method == http::Method::head || (http::bodiless(head.status) && head.status != 101);
  if (head_only) exchange.response_body = nullptr;
  // The client may or may not send the body it announced: what follows on the connection is unknowable.
  if (exchange.request.expect_continue && session_->body.bytes() == 0) keep_alive_ = false;
  if (draining_) keep_alive_ = false;
  const Framing framing = choose_framing(exchange.response_body != nullptr);
  Error error = co_await send_body(framing);
  exchange.record.bytes_in = session_->body.bytes();
  if (error) {
    keep_alive_ = false;
    // Only an unclean end can tell this client that its message is cut short.
    if (framing == Framing::until_close || head.status == 101) transport_->reset_on_close();
    aborted_ = true;
  }
  co_return error;
}

// Adds to `out` what is here of the response's body, and its end.
BodyStep ServerConnection::gather(Outbox& out, Framing framing) {
  http::Exchange& exchange = session_->exchange;
  http::BodySource* const body = exchange.response_body;
  if (body == nullptr) return BodyStep::end;
  BodyStep step = BodyStep::data;
  while (step == BodyStep::data && out.has_room()) {
    std::string_view piece;
    step = body->poll(piece);
    if (step != BodyStep::data) break;
    exchange.record.bytes_out += piece.size();
    if (framing == Framing::chunked) {
      out.chunk(piece);
    } else {
      out.piece(piece);
    }
  }
  if (step == BodyStep::end && framing == Framing::chunked)
    out.last_chunk(body->trailers(), exchange.own_field);
  return step;
}

// Head and body: gathers what is there, sends it, waits for more. The one place where a response leaves.
Task<Error> ServerConnection::send_body(Framing framing) {
  http::Exchange& exchange = session_->exchange;
  http::BodySource* const body = exchange.response_body;
  Unsent rest;
  bool head_sent = false;
  std::uint64_t turn = exchange.record.bytes_out;
  for (;;) {
    if (exchange.record.bytes_out - turn > kTurn) {
      turn = exchange.record.bytes_out;
      co_await transport_->loop().yield();
    }
    Outbox& out = Outbox::fresh();
    if (!head_sent) out.response_head(exchange.response, framing, connection_field());
    head_sent = true;
    const BodyStep step = gather(out, framing);
    if (!out.empty()) {
      bool done = false;
      Error error = out.flush(*transport_, done, rest);
      if (!error && !done) error = co_await transport_->write_all(rest.pieces, session_->settings.body);
      if (error) co_return of_client(error);
    }
    if (step == BodyStep::end || body == nullptr) co_return Error{};
    if (step == BodyStep::failed) co_return body->error();
    if (step == BodyStep::data) body->release();
    if (step != BodyStep::wait) continue;
    if (framing != Framing::chunked && worth_splicing(body, *transport_)) {
      const Error error =
          co_await splice(*body, *transport_, session_->settings.body, exchange.record.bytes_out);
      if (error) co_return of_client(error);
    } else {
      co_await body->fill();
    }
  }
}

}  // namespace sluice::http1
