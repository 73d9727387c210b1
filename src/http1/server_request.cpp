// A client's request, from its first byte to its head.
#include "sluice/base/text.hpp"

#include "http1/server_session.hpp"

#include <algorithm>

namespace sluice::http1 {

// Passes over empty lines. Whether what is left is at least one byte of a request, or of what is none.
bool ServerConnection::begins_request() {
  Buffer& in = session_->in;
  in.consume(empty_lines(in.view(), empty_lines_));
  return !in.empty() && in.view() != "\r";
}

// Whether there is at least one byte of a request, or will never be. A client that sends empty lines alone is
// as idle as one that sends nothing.
ServerConnection::Arrival ServerConnection::look_for_request() {
  // Bytes may be here already: sent behind the TLS handshake, or behind the request before.
  if (session_ == nullptr) {
    if (!transport_->may_read()) return Arrival::nothing;
    open_session();
  }
  Buffer& in = session_->in;
  while (!begins_request()) {
    in.reserve(Buffer::kSmall);
    const net::IoResult got = transport_->read(in.room());
    if (got.status != net::IoStatus::ok) {
      if (in.empty()) close_session();
      return got.status == net::IoStatus::would_block ? Arrival::nothing : Arrival::end;
    }
    in.commit(got.bytes);
  }
  session_->settings = service_.settings(listener());
  session_->exchange.record.started = transport_->loop().now();
  return Arrival::bytes;
}

// Takes the head when it is all here. False: it is not, and was not refused so far; true: see `error`.
bool ServerConnection::advance_head(Error& error) {
  Session& s = *session_;
  for (;;) {
    const auto scan = s.scanner.scan(s.in.view());
    if (scan == HeadScanner::State::complete) {
      error = take_head();
      return true;
    }
    error = scan == HeadScanner::State::malformed ? broken_line() : check_head_so_far();
    if (error) return true;
    s.in.reserve(std::max(Buffer::kSmall, s.in.size() + 4096));
    const net::IoResult got = transport_->read(s.in.room());
    switch (got.status) {
      case net::IoStatus::ok: s.in.commit(got.bytes); break;
      case net::IoStatus::would_block: return false;
      case net::IoStatus::error: error = {.kind = ErrorKind::reset, .cause = got.cause}; return true;
      case net::IoStatus::eof: error = broken(Rule::head_cut, Side::downstream); return true;
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
  if (s.scanner.first_line() == 0) {
    const Rule rule = check_request_start(s.in.view());
    if (rule != Rule::none) return broken(rule, Side::downstream);
  }
  return s.in.size() > s.settings.limits.bytes ? too_large() : Error{};
}

// What is no HTTP at all is not to be blamed for its line breaks.
Error ServerConnection::broken_line() const {
  const Rule start = check_request_start(session_->in.view());
  return broken(start != Rule::none ? start : session_->scanner.rule(), Side::downstream);
}

Error ServerConnection::too_large() const {
  const std::size_t line = session_->scanner.first_line();
  const bool target = line == 0 || line > session_->settings.limits.bytes;
  return broken(target ? Rule::target_size : Rule::head_size, Side::downstream);
}

// The whole head is in the buffer: parses a copy in the arena, so that the buffer is free for the body.
Error ServerConnection::take_head() {
  Session& s = *session_;
  const std::size_t size = s.scanner.size();
  if (size > s.settings.limits.bytes) return too_large();
  const std::string_view head = s.exchange.arena.copy(s.in.view().substr(0, size));
  s.in.consume(size);
  Error error = parse_request(head, s.exchange.arena, s.settings.limits, s.exchange.request);
  if (!error && misdirected()) error = broken(Rule::misdirected);
  error.side = Side::downstream;
  return error;
}

void ServerConnection::bound_body(std::uint64_t most) { session_->body.bound(most); }

// Whether a client that was shown one certificate asks for a host of another. Hosts that no certificate names
// are nobody's secret: health checkers ask by address, and behind a self-signed certificate any name is
// usual.
bool ServerConnection::misdirected() {
  if (transport_->ssl() == nullptr || !session_->settings.refuse_mismatch) return false;
  return holder(session_->exchange.request.host, transport_->server_name()) == http::Holder::another;
}

}  // namespace sluice::http1
