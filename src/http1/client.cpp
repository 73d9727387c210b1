#include "sluice/http1/client.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/net/keepalive.hpp"

#include "http1/body_reader.hpp"
#include "http1/outbox.hpp"
#include "http1/splice.hpp"

#include <algorithm>
#include <utility>

namespace sluice::http1 {
namespace {

using http::BodyStep;
using http::FieldId;
using http::Framing;

// Responses are bounded more loosely than requests: applications set many cookies, and are not attackers.
constexpr http::HeadLimits kResponseLimits{64 * 1024, 256};
// Interim responses before one final response; more is a flood.
constexpr int kMostInterim = 16;
// Bytes uploaded before others get their turn.
constexpr std::uint64_t kTurn = 512 * 1024;

Error upstream_error(ErrorKind kind, int cause = 0) {
  return {.kind = kind, .side = Side::upstream, .cause = cause};
}
Error upstream_error(Rule rule) { return broken(rule, Side::upstream); }

std::uint32_t keep_alive_timeout(const http::Fields& fields) {
  std::uint32_t seconds = 0;
  for_each_element(fields.value(FieldId::keep_alive), [&](std::string_view element) {
    constexpr std::string_view kTimeout = "timeout=";
    if (!iequals(element.substr(0, kTimeout.size()), kTimeout)) return true;
    seconds = parse_decimal<std::uint32_t>(element.substr(kTimeout.size())).value_or(0);
    return false;
  });
  return seconds;
}

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport)
    : transport_(std::move(transport)), body_(std::make_unique<BodyReader>()) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::begin(const http::UpstreamLimits& limits) {
  limits_ = limits;
  advertised_idle_ = 0;
  sent_all_ = heard_ = keep_alive_ = tunnel_ = failed_ = false;
}

// Adds to `out` what is here of the request body.
BodyStep ClientConnection::gather(http::Exchange& exchange, Outbox& out) {
  http::BodySource* body = exchange.request_body;
  BodyStep step = body == nullptr ? BodyStep::end : BodyStep::data;
  while (step == BodyStep::data && out.has_room()) {
    std::string_view piece;
    step = body->poll(piece);
    if (step != BodyStep::data) break;
    if (sending_ == Framing::chunked) {
      out.chunk(piece);
    } else {
      out.piece(piece);
    }
  }
  if (step == BodyStep::end) {
    if (sending_ == Framing::chunked) out.last_chunk(body->trailers(), exchange.own_field);
    sent_all_ = true;
  }
  return step;
}

Task<Error> ClientConnection::send(http::Exchange& exchange, std::string_view default_host) {
  sending_ = exchange.request.framing;
  Outbox& out = Outbox::fresh();
  out.request_head(exchange.request, default_host);
  if (gather(exchange, out) == BodyStep::failed) return Task<Error>::done(exchange.request_body->error());
  bool done = false;
  Unsent rest;
  const Error error = out.flush(*transport_, done, rest);
  if (error || done) return Task<Error>::done(sent(error));
  return send_rest(std::move(rest));
}

Task<Error> ClientConnection::send_rest(Unsent rest) {
  co_return sent(co_await transport_->write_all(rest.pieces, limits_.body));
}

// The end of a write, good or bad.
Error ClientConnection::sent(Error error) {
  last_sent_ = transport_->loop().now();
  error.side = Side::upstream;
  if (error) failed_ = true;
  return error;
}

Task<Error> ClientConnection::upload(http::Exchange& exchange) {
  Unsent rest;
  std::uint64_t turn = 0;
  for (;;) {
    if (turn > kTurn) {
      turn = 0;
      co_await transport_->loop().yield();
    }
    Outbox& out = Outbox::fresh();
    exchange.request_body->release();
    const BodyStep step = gather(exchange, out);
    turn += out.bytes();
    if (!out.empty()) {
      bool done = false;
      Error error = out.flush(*transport_, done, rest);
      if (!error && !done) error = co_await transport_->write_all(rest.pieces, limits_.body);
      if (error) co_return sent(error);
    }
    last_sent_ = transport_->loop().now();
    if (step == BodyStep::end) {
      if (tunnel_) transport_->shutdown_write();
      co_return Error{};
    }
    if (step == BodyStep::failed) {
      failed_ = true;
      co_return exchange.request_body->error();
    }
    if (step != BodyStep::wait) continue;
    if (sending_ != Framing::chunked && worth_splicing(exchange.request_body, *transport_)) {
      std::uint64_t moved = 0;
      const Error error = co_await splice(*exchange.request_body, *transport_, limits_.body, moved);
      if (error) co_return sent(error);
    } else {
      co_await exchange.request_body->fill();
    }
  }
}

// Takes a response's head when it is all here. False: it is not, and was not refused so far; true: it is in
// exchange.response, or `error` says why not.
bool ClientConnection::advance_head(HeadScanner& scanner, http::Exchange& exchange, Error& error) {
  for (;;) {
    if (!in_.empty()) {
      switch (scanner.scan(in_.view())) {
        case HeadScanner::State::complete: error = accept_head(exchange, scanner.size()); return true;
        case HeadScanner::State::malformed: {
          // What is no HTTP at all is not to be blamed for its line breaks.
          const Rule start = check_response_start(in_.view());
          error = upstream_error(start != Rule::none ? start : scanner.rule());
          return true;
        }
        case HeadScanner::State::incomplete: break;
      }
      Rule rule = check_response_start(in_.view());
      if (rule == Rule::none && in_.size() > kResponseLimits.bytes) rule = Rule::head_size;
      if (rule != Rule::none) {
        error = upstream_error(rule);
        return true;
      }
    }
    net::IoResult got{net::IoStatus::would_block};
    if (transport_->may_read()) {
      in_.reserve(std::max(Buffer::kSmall, in_.size() + 4096));
      got = transport_->read(in_.room());
    }
    switch (got.status) {
      case net::IoStatus::ok:
        in_.commit(got.bytes);
        heard_ = true;
        break;
      case net::IoStatus::would_block:
        if (in_.empty()) in_.release();
        return false;
      case net::IoStatus::eof: error = upstream_error(ErrorKind::closed); return true;
      case net::IoStatus::error: error = upstream_error(ErrorKind::reset, got.cause); return true;
    }
  }
}

Error ClientConnection::accept_head(http::Exchange& exchange, std::size_t size) {
  if (size > kResponseLimits.bytes) return upstream_error(Rule::head_size);
  const std::string_view head = exchange.arena.copy(in_.view().substr(0, size));
  in_.consume(size);
  exchange.response.clear();
  Error error =
      parse_response(head, exchange.arena, kResponseLimits, exchange.request.method, exchange.response);
  error.side = Side::upstream;
  return error;
}

// 101 must answer what was asked, or the two ends of the tunnel would speak different protocols.
Error ClientConnection::check_switch(const http::Exchange& exchange) const {
  const std::string_view asked = exchange.request.upgrade;
  if (asked.empty() || !iequals(exchange.response.fields.value(FieldId::upgrade), asked)) {
    return upstream_error(Rule::unasked_upgrade);
  }
  return {};
}

Task<Error> ClientConnection::receive(http::Exchange& exchange) {
  Error error;
  HeadScanner scanner;
  for (int interim = 0; !error;) {
    if (!advance_head(scanner, exchange, error)) {
      // The clock runs from the request's last byte; while that is still to come, the upload has its own.
      const bool uploading = !sent_all_ && !failed_;
      const Nanos from = uploading ? transport_->loop().now() : last_sent_;
      const ErrorKind waited = co_await transport_->readable(from + limits_.first_byte);
      const bool early = uploading || transport_->loop().now() < last_sent_ + limits_.first_byte;
      if (waited != ErrorKind::none && !(waited == ErrorKind::timed_out && early)) {
        error = upstream_error(waited);
      }
      continue;
    }
    if (error) break;
    const std::uint16_t status = exchange.response.status;
    if (status >= 200 || status == 101) {
      error = accept_response(exchange);
      if (error) break;
      co_return error;
    }
    scanner.reset();
    if (++interim > kMostInterim) {
      error = upstream_error(Rule::interim_flood);
    } else {
      http::drop_hop_by_hop(exchange.response.fields);
      error = co_await exchange.downstream->interim(exchange.response);
    }
  }
  failed_ = true;
  co_return error;
}

// The head that is not an interim response's; points response_body at the body.
Error ClientConnection::accept_response(http::Exchange& exchange) {
  http::ResponseHead& head = exchange.response;
  keep_alive_ = head.keep_alive;
  advertised_idle_ = keep_alive_timeout(head.fields);
  tunnel_ = head.status == 101;
  if (tunnel_) {
    if (const Error error = check_switch(exchange)) return error;
    sent_all_ = false;
    sending_ = Framing::until_close;
    head.framing = Framing::until_close;
  }
  const bool bodiless =
      exchange.request.method == http::Method::head || (http::bodiless(head.status) && !tunnel_);
  body_->start(*transport_, in_, exchange.arena, bodiless ? Framing::none : head.framing, head.length,
               Side::upstream);
  body_->set_limits(limits_.body, 0);
  if (tunnel_) allow_silence(http::kTunnelSilence);
  exchange.response_body = bodiless ? nullptr : body_.get();
  return {};
}

void ClientConnection::allow_silence(Nanos longest) {
  body_->set_limits(std::max(limits_.body, longest), 0);
  net::probe_silent_peer(transport_->fd());
}

bool ClientConnection::reusable() const {
  return keep_alive_ && !failed_ && !tunnel_ && sent_all_ && body_->finished() && !body_->error() &&
         in_.empty() && !transport_->cancelled() && !transport_->hung_up() && !transport_->peer_closed();
}

}  // namespace sluice::http1
