// The life of a client's connection: request after request, and its end. Reading a request is in
// server_request.cpp, answering it in server_response.cpp.
#include "sluice/http1/server.hpp"

#include "http1/server_session.hpp"

#include <algorithm>
#include <cstring>
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

}  // namespace

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

void ServerConnection::take_clear_text(std::string_view bytes) {
  clear_text_ = true;
  open_session();
  session_->in.reserve(std::max(Buffer::kSmall, bytes.size()));
  std::memcpy(session_->in.room().data(), bytes.data(), bytes.size());
  session_->in.commit(bytes.size());
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
    if (!worth_answering(error)) break;
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

// Whether the client is told what came of its bytes, and `error` is what.
bool ServerConnection::worth_answering(Error& error) const {
  if (error.kind == ErrorKind::closed || error.kind == ErrorKind::reset || aborted_) return false;
  if (!clear_text_) return true;
  error = broken(Rule::clear_text, Side::downstream);
  return session_->scanner.first_line() != 0;
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

void ServerConnection::begin_exchange(const Error& error) {
  Session& s = *session_;
  http::Exchange& exchange = s.exchange;
  empty_lines_ = 0;
  exchange.origin = origin();
  exchange.downstream = this;
  responding_ = false;
  const Framing framing = error ? Framing::none : exchange.request.framing;
  s.body.start(*transport_, s.in, exchange.arena, framing, exchange.request.length, Side::downstream);
  s.body.set_limits(s.settings.body, s.settings.max_body);
  exchange.max_body = s.settings.max_body;
  keep_alive_ = !error && exchange.request.keep_alive && !draining_;
  if (!s.body.finished()) exchange.request_body = &s.body;
  if (s.body.finished() && s.in.empty()) s.in.release();  // the answer may be long in coming
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
    if (step == BodyStep::failed || discarded > http::kDiscarded) keep_alive_ = false;
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

}  // namespace sluice::http1
