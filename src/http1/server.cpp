#include "sluice/http1/server.hpp"

#include "sluice/base/text.hpp"

#include "http1/body_reader.hpp"
#include "http1/outbox.hpp"
#include "http1/splice.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::http1 {
namespace {

using http::BodyStep;
using http::Framing;

constexpr Nanos kSecond = 1'000'000'000;
// How long an idle connection may still deliver a request that was on its way when draining began.
constexpr Nanos kDrainGrace = kSecond / 2;
// After the last response: how long we read on, so that the client can take what we sent before its own
// unread bytes turn our close into a reset.
constexpr Nanos kLinger = 5 * kSecond;
// Of a request body nobody wanted: how much is read for the sake of keeping the connection.
constexpr std::uint64_t kDiscard = 256 * 1024;
// Bytes moved for one exchange before others get their turn.
constexpr std::uint64_t kTurn = 512 * 1024;

}  // namespace

struct ServerConnection::Session {
  http::Exchange exchange;
  Buffer in;
  BodyReader body;
  HeadScanner scanner;
  bool skipped_line = false;  // the empty one before the head
  bool line_checked = false;  // the request line, before the head was whole
  http::ServerSettings settings;

  void reset() {
    exchange.reset();
    scanner.reset();
    skipped_line = line_checked = false;
  }
};

// Sessions are several kilobytes and used again at once: each thread keeps some.
struct ServerConnection::Sessions {
  static constexpr std::size_t kKeep = 64;
  std::vector<std::unique_ptr<Session>> free;
  static Sessions& of_thread() {
    thread_local Sessions sessions;
    return sessions;
  }
};

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport, http::Service& service,
                                   std::string peer_ip, std::uint32_t listener)
    : Connection(std::move(peer_ip), listener),
      transport_(std::move(transport)),
      service_(service),
      accepted_(transport_->loop().now()) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::drain() {
  draining_ = true;
  if (idle_) transport_->nudge();  // to wait anew, for the grace only
}

void ServerConnection::abort() {
  aborted_ = true;
  transport_->cancel(ErrorKind::cancelled);
  if (departed_ != nullptr) departed_(departed_context_, http::Departure::gone);
}

void ServerConnection::open_session() {
  auto& free = Sessions::of_thread().free;
  if (free.empty()) {
    session_ = std::make_unique<Session>();
    return;
  }
  session_ = std::move(free.back());
  free.pop_back();
}

void ServerConnection::close_session() {
  session_->reset();
  session_->in.release();
  auto& free = Sessions::of_thread().free;
  if (free.size() < Sessions::kKeep) {
    free.push_back(std::move(session_));
  } else {
    session_.reset();
  }
}

Detached ServerConnection::serve_all() {
  while (keep_alive_) {
    Nanos deadline = next_request_deadline();
    Arrival arrival = look_for_request();
    while (arrival == Arrival::nothing) {
      if (draining_) deadline = std::min(deadline, transport_->loop().now() + kDrainGrace);
      idle_ = true;
      const ErrorKind waited = co_await transport_->readable(deadline);
      idle_ = false;
      arrival = aborted_ || waited != ErrorKind::none ? Arrival::end : look_for_request();
    }
    if (arrival == Arrival::end) break;
    Error error;
    if (!advance_head(error)) error = co_await rest_of_head();
    if (error.kind == ErrorKind::closed || error.kind == ErrorKind::reset || aborted_) break;
    begin_exchange(error);
    if (error) {
      co_await service_.refuse(session_->exchange, error);
    } else {
      co_await service_.serve(session_->exchange);
      if (!responding_) keep_alive_ = false;  // the client is gone, or must not be told anything more
      if (keep_alive_ && !session_->body.finished()) co_await finish_request_body();
    }
    first_ = false;
    if (!keep_alive_) {
      co_await linger();
      break;
    }
    // A pipelined request's bytes stay with the session; otherwise the connection gives everything back.
    if (session_->in.empty()) {
      close_session();
    } else {
      session_->reset();
      co_await transport_->loop().yield();
    }
  }
  ended();
}

// Destroys the connection, and with it everything but the coroutine's own frame.
void ServerConnection::ended() {
  if (session_ != nullptr) close_session();
  service_.ended(*this);
}

http::Origin ServerConnection::origin() const {
  http::Origin out;
  out.peer_ip = peer_ip();
  out.listener = listener();
  out.secure = transport_->ssl() != nullptr;
  out.tls_version = transport_->tls_version();
  out.sni = transport_->server_name();
  return out;
}

Nanos ServerConnection::next_request_deadline() {
  const http::ServerSettings settings = service_.settings(listener());
  return first_ ? accepted_ + settings.header : transport_->loop().now() + settings.idle;
}

// Whether there is at least one byte of a request, or will never be.
ServerConnection::Arrival ServerConnection::look_for_request() {
  // Bytes may be here already: sent behind the TLS handshake, or behind the request before.
  if (session_ == nullptr) {
    if (!transport_->may_read()) return Arrival::nothing;
    open_session();
    session_->in.reserve(Buffer::kSmall);
    const net::IoResult got = transport_->read(session_->in.room());
    if (got.status != net::IoStatus::ok) {
      close_session();
      return got.status == net::IoStatus::would_block ? Arrival::nothing : Arrival::end;
    }
    session_->in.commit(got.bytes);
  }
  session_->settings = service_.settings(listener());
  session_->exchange.record.started = transport_->loop().now();
  return Arrival::bytes;
}

// Takes the head when it is all here. False: it is not, and was not refused so far; true: see `error`.
bool ServerConnection::advance_head(Error& error) {
  Session& s = *session_;
  for (;;) {
    // One empty line before a request line is a client's old habit (RFC 9112 §2.2); more is noise.
    if (!s.skipped_line && s.in.view().starts_with("\r\n")) {
      s.in.consume(2);
      s.scanner.reset();
      s.skipped_line = true;
    }
    if (!s.in.empty()) {
      const auto scan = s.scanner.scan(s.in.view());
      if (scan == HeadScanner::State::complete) {
        error = take_head();
        return true;
      }
      error = scan == HeadScanner::State::malformed ? Error{ErrorKind::malformed, Side::downstream}
                                                    : check_head_so_far();
      if (error) return true;
    }
    s.in.reserve(std::max(Buffer::kSmall, s.in.size() + 4096));
    const net::IoResult got = transport_->read(s.in.room());
    switch (got.status) {
      case net::IoStatus::ok: s.in.commit(got.bytes); break;
      case net::IoStatus::would_block: return false;
      case net::IoStatus::error: error = {ErrorKind::reset, Side::downstream, got.cause}; return true;
      case net::IoStatus::eof:
        error = {s.in.empty() ? ErrorKind::closed : ErrorKind::malformed, Side::downstream};
        return true;
    }
  }
}

Task<Error> ServerConnection::rest_of_head() {
  const Nanos deadline = session_->exchange.record.started + session_->settings.header;
  for (;;) {
    const ErrorKind waited = co_await transport_->readable(deadline);
    if (waited != ErrorKind::none) co_return Error{waited, Side::downstream};
    Error error;
    if (advance_head(error)) co_return error;
  }
}

// A head that is not whole yet: what can be said against it already.
Error ServerConnection::check_head_so_far() {
  Session& s = *session_;
  if (s.scanner.first_line() != 0 && !s.line_checked) {
    s.line_checked = true;
    Error error = check_request_line(s.in.view().substr(0, s.scanner.first_line()), s.exchange.arena);
    error.side = Side::downstream;
    if (error) return error;
  }
  const bool half_line_break = s.in.view() == "\r" && !s.skipped_line;
  if (s.scanner.first_line() == 0 && !half_line_break && !plausible_request_start(s.in.view())) {
    return {ErrorKind::malformed, Side::downstream};
  }
  return s.in.size() > s.settings.limits.bytes ? too_large() : Error{};
}

Error ServerConnection::too_large() const {
  const std::size_t line = session_->scanner.first_line();
  const bool target = line == 0 || line > session_->settings.limits.bytes;
  return {target ? ErrorKind::target_too_long : ErrorKind::head_too_large, Side::downstream};
}

// The whole head is in the buffer: parses a copy in the arena, so that the buffer is free for the body.
Error ServerConnection::take_head() {
  Session& s = *session_;
  const std::size_t size = s.scanner.size();
  if (size > s.settings.limits.bytes) return too_large();
  const std::string_view head = s.exchange.arena.copy(s.in.view().substr(0, size));
  s.in.consume(size);
  Error error = parse_request(head, s.exchange.arena, s.settings.limits, s.exchange.request);
  if (!error && misdirected()) error.kind = ErrorKind::misdirected;
  error.side = Side::downstream;
  return error;
}

// Whether a client that was shown one certificate asks for a host of another. Hosts that no certificate names
// are nobody's secret: health checkers ask by address, and behind a self-signed certificate any name is
// usual.
bool ServerConnection::misdirected() {
  if (transport_->ssl() == nullptr || !session_->settings.refuse_mismatch) return false;
  return holder(session_->exchange.request.host, transport_->server_name()) == http::Holder::another;
}

void ServerConnection::begin_exchange(const Error& error) {
  Session& s = *session_;
  http::Exchange& exchange = s.exchange;
  exchange.origin = origin();
  exchange.downstream = this;
  responding_ = false;
  const Framing framing = error ? Framing::none : exchange.request.framing;
  s.body.start(*transport_, s.in, exchange.arena, framing, exchange.request.length, Side::downstream);
  s.body.set_limits(s.settings.body, s.settings.max_body);
  keep_alive_ = !error && exchange.request.keep_alive && !draining_;
  if (!s.body.finished()) exchange.request_body = &s.body;
}

// The response is out and the request is not all read. A little is read and thrown away, for the sake of the
// connection; for more, the connection ends.
Task<void> ServerConnection::finish_request_body() {
  Session& s = *session_;
  const bool stopped = s.body.error().kind == ErrorKind::cancelled;
  if (stopped || s.exchange.request.expect_continue) keep_alive_ = false;
  std::string_view piece;
  std::uint64_t discarded = 0;
  while (keep_alive_) {
    const BodyStep step = s.body.poll(piece);
    if (step == BodyStep::end) co_return;
    if (step == BodyStep::data) discarded += piece.size();
    if (step == BodyStep::failed || discarded > kDiscard) keep_alive_ = false;
    if (step == BodyStep::wait) co_await s.body.fill();
  }
}

// Lets the client read our last bytes: FIN, then its own are read away for a while.
Task<void> ServerConnection::linger() {
  if (aborted_ || session_ == nullptr) co_return;
  transport_->shutdown_write();
  const Nanos deadline = transport_->loop().now() + kLinger;
  Buffer& sink = session_->in;
  sink.release();
  std::uint64_t turn = 0;
  while (transport_->loop().now() < deadline) {
    sink.reserve(Buffer::kSmall);
    sink.consume(sink.size());
    const net::IoResult got = transport_->read(sink.room());
    turn += got.bytes;
    if (turn > kTurn) {
      turn = 0;
      co_await transport_->loop().yield();
    }
    if (got.status == net::IoStatus::ok) continue;
    if (got.status != net::IoStatus::would_block) co_return;
    sink.release();
    if (co_await transport_->readable(deadline) != ErrorKind::none) co_return;
  }
}

Task<Error> ServerConnection::interim(const http::ResponseHead& head) {
  if (session_->exchange.request.minor == 0) co_return Error{};
  Outbox& out = Outbox::fresh();
  out.response_head(head, Framing::none, {});
  bool done = false;
  Unsent rest;
  Error error = out.flush(*transport_, done, rest);
  if (!error && !done) error = co_await transport_->write_all(rest.pieces, session_->settings.body);
  error.side = Side::downstream;
  co_return error;
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
  if (session_->exchange.response.status == 101) return "upgrade";
  if (!keep_alive_) return "close";
  return session_->exchange.request.minor == 0 ? "keep-alive" : "";
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

// Head and body: gathers what is there, sends it, waits for more. The one place where a response leaves.
Task<Error> ServerConnection::send_body(Framing framing) {
  http::Exchange& exchange = session_->exchange;
  http::BodySource* body = exchange.response_body;
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
    BodyStep step = body == nullptr ? BodyStep::end : BodyStep::data;
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
    if (step == BodyStep::end && framing == Framing::chunked && body != nullptr) {
      out.last_chunk(body->trailers(), exchange.own_field);
    }
    if (!out.empty()) {
      bool done = false;
      Error error = out.flush(*transport_, done, rest);
      if (!error && !done) error = co_await transport_->write_all(rest.pieces, session_->settings.body);
      if (error) {
        error.side = Side::downstream;
        co_return error;
      }
    }
    if (step == BodyStep::end) co_return Error{};
    if (step == BodyStep::failed) co_return body->error();
    if (step == BodyStep::data) body->release();
    if (step != BodyStep::wait) continue;
    if (framing != Framing::chunked && worth_splicing(body, *transport_)) {
      Error error = co_await splice(*body, *transport_, session_->settings.body, exchange.record.bytes_out);
      if (error) {
        error.side = Side::downstream;
        co_return error;
      }
    } else {
      co_await body->fill();
    }
  }
}

}  // namespace sluice::http1
