// What passes between us and one server, from the connection to the head of its response.
#include "sluice/handler/forward.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/service.hpp"
#include "sluice/http/streaming.hpp"

#include "handler/sticky_cookie.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sluice::handler {

using upstream::Channel;
using upstream::RetryReason;

namespace {

// 426 names the protocols that it asks for in Upgrade, and means nothing without (RFC 9110 §15.5.22).
void end_hop(http::ResponseHead& head) {
  http::drop_hop_by_hop(head.fields);
  if (head.status != 426 || !head.fields.has(http::FieldId::upgrade)) return;
  for (http::Field& field : head.fields.all()) {
    if (field.id == http::FieldId::upgrade) field.dropped = false;
  }
}

}  // namespace

// One server: a pooled connection if there is one, else a new one; a stale pooled one is replaced.
Task<Error> Forward::ask_server(std::shared_ptr<upstream::Endpoint> endpoint) {
  endpoint_ = endpoint;
  exchange_.record.server = endpoint->name();
  ++exchange_.record.attempts;
  keep_body(*endpoint);
  while (auto channel = target_.connections.take(*endpoint, !repeatable())) {
    const Error error = co_await exchange_on(std::move(channel));
    if (!stale_) co_return error;
    rewind();
  }
  for (;;) {
    Error error;
    auto channel = co_await connect(endpoint, error);
    if (channel == nullptr) {
      if (rules().retry.on.connect) try_another(RetryReason::connect);
      co_return error;
    }
    error = co_await exchange_on(std::move(channel));
    if (!error) endpoint->answered();
    if (!stale_) co_return error;
    rewind();
  }
}

Task<std::unique_ptr<Channel>> Forward::connect(const std::shared_ptr<upstream::Endpoint>& endpoint,
                                                Error& error) {
  const Nanos before = now();
  const Nanos limit = target_.limits.connect;
  const Nanos patience = expires_ == 0 ? limit : std::min(limit, expires_ - before);
  auto channel = co_await target_.connections.open(endpoint, {limit, patience, target_.limits.idle}, error);
  exchange_.record.connect += now() - before;
  if (channel != nullptr) endpoint->connect_succeeded(now());
  if (expired_ && channel != nullptr) {
    channel.reset();
    error = {ErrorKind::deadline_exceeded, Side::upstream};
  }
  const bool impatient = patience < limit && error.kind == ErrorKind::connect_timeout;
  if (error && !impatient && upstream::blames_server(error)) {
    endpoint->connect_failed(now(), error);
    if (rules().outlier && rules().outlier->errors.connect) report(to_string(error.kind));
  }
  co_return channel;
}

// For a try after which another one can come, its own patience.
http::UpstreamLimits Forward::limits_of_try() {
  http::UpstreamLimits out = limits_;
  const upstream::RetryRules& retry = rules().retry;
  if (retry.per_try_timeout == 0 || exchange_.record.attempts >= retry.attempts || !repeatable()) return out;
  // A body whose length nobody knows may turn out to be too long to be sent twice.
  const bool known = exchange_.request_body == nullptr || exchange_.request.framing == http::Framing::length;
  const bool possible = known && target_.balancer.retries().allows(retry.budget, retry.budget_min, now()) &&
                        choice_.has_other(now());
  if (possible) out.first_byte = std::min(out.first_byte, retry.per_try_timeout);
  return out;
}

// The request over one connection, until the head of a response is in the exchange; the connection and the
// upload go on then, until finish(). Sets stale_ when it should be done again on another connection.
Task<Error> Forward::exchange_on(std::unique_ptr<Channel> channel) {
  stale_ = false;
  channel_ = std::move(channel);
  http::Upstream& peer = channel_->http();
  peer.begin(limits_of_try());
  upload_.emplace(exchange_, peer, target_.connections.loop());
  if (client_gone_)
    co_return co_await end_attempt({ErrorKind::cancelled, Side::downstream});  // nothing left us
  const Nanos asked = now();
  Error error = co_await peer.send(exchange_, channel_->endpoint().default_host());
  if (error.side == Side::downstream && error) co_return co_await end_attempt(error);  // the body was bad
  const bool sent_at_once = !error && peer.sent_all();
  if (!error && !sent_at_once) upload_->start();
  // A failed write is not the last word: a server may answer and close without reading the whole request.
  error = co_await peer.receive(exchange_);
  exchange_.record.first_byte = now() - asked;
  // A body that is still to come makes the server wait for the client: that time is not the server's.
  if (sent_at_once) judge(channel_->endpoint(), error);
  if (error) co_return co_await end_attempt(error);
  report_status();
  if (rules().retry.on.statuses.covers(exchange_.response.status) && repeatable() &&
      try_another(RetryReason::status)) {
    if (upload_->running()) co_await upload_->stop();
    channel_.reset();
    rewind();
    exchange_.response.clear();
    exchange_.response_body = nullptr;
    co_return Error{ErrorKind::refused, Side::upstream};
  }
  prepare_response();
  co_return Error{};
}

// No response came of it: the connection ends, and what is to be done then is decided.
Task<Error> Forward::end_attempt(Error error) {
  const std::unique_ptr<Channel> channel = std::exchange(channel_, nullptr);
  http::Upstream& peer = channel->http();
  // Our own stop() makes the upload fail too: only a failure from before it is a cause.
  const Error cause = upload_->running() ? Error{} : upload_->error();
  co_await upload_->stop();
  if (cause && cause.side == Side::downstream && !client_gone_) co_return cause;
  if (client_gone_) co_return Error{ErrorKind::cancelled, Side::downstream};
  if (error.side == Side::downstream) co_return error;
  note_broken(error);
  stale_ = !expired_ && !peer.heard() && may_repeat(error, channel->reused());
  if (stale_) co_return error;
  report(error);
  if (!peer.heard()) try_another_after(error);
  co_return error;
}

// What the balancer is to know of an answer, or of none.
void Forward::judge(upstream::Endpoint& endpoint, const Error& error) {
  const Nanos took = exchange_.record.first_byte;
  if (!error && exchange_.response.status < 500) {
    target_.balancer.answered(endpoint, took, now());
  } else if (!client_gone_ && !expired_) {
    target_.balancer.failed(endpoint, took, now());
  }
}

void Forward::report_status() {
  if (!rules().outlier) return;
  const std::uint16_t status = exchange_.response.status;
  report(rules().outlier->errors.statuses.covers(status) ? fmt::format("status {}", status) : std::string());
}

void Forward::prepare_response() {
  http::ResponseHead& head = exchange_.response;
  end_hop(head);
  if (group().sticky() != nullptr) {
    bind_client(exchange_, group(), choice_.bound_to(), choice_.index(), now());
  }
  exchange_.long_lived = head.status == 101 || http::is_stream(head);
  if (head.status == 101) {
    head.fields.add(exchange_.arena, "Upgrade", exchange_.request.upgrade, http::FieldId::upgrade);
    exchange_.downstream->open_tunnel();
    upload_->start();
  } else if (upload_->running()) {
    // Answered before the request was read: nobody can say yet whether the rest of it will come.
    exchange_.downstream->close_after();
  }
  // Who had closed its half before has asked for no more than an answer, and gets it with ordinary patience.
  streaming_ = exchange_.long_lived && head.status != 101 && !client_half_closed_;
  if (streaming_) channel_->http().allow_silence(http::kTunnelSilence);
}

}  // namespace sluice::handler
