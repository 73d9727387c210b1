// The flow of a forwarded exchange: who is asked, what the client is told, what is left to be ended. What
// passes between us and one server is in attempt.cpp, whether another one is asked in repeat.cpp.
#include "sluice/handler/forward.hpp"

#include "sluice/http/grpc.hpp"
#include "sluice/http/reply.hpp"

#include <algorithm>
#include <utility>

namespace sluice::handler {
namespace {

// A pause in a stream after which a client that has closed its half is gone.
constexpr Nanos kDoubt = Nanos{2} * 1'000'000'000;

}  // namespace

Forward::Forward(http::Exchange& exchange, const ForwardTarget& target)
    : exchange_(exchange),
      target_(target),
      choice_(exchange, target.balancer),
      limits_{target.limits.first_byte, target.limits.body},
      deadline_(&Forward::on_deadline, this),
      doubt_(&Forward::on_doubt, this) {
  if (http::is_grpc(exchange.request)) begin_call();
}

// What the client says of its patience goes before what is configured, and streams may be silent.
void Forward::begin_call() {
  limits_.body = http::kGrpcSilence;
  const auto timeout = http::grpc_timeout(exchange_.request);
  if (!timeout) return;
  limits_.first_byte = std::max(limits_.first_byte, *timeout);
  expires_ = now() + *timeout;
  deadline_.arm(target_.connections.loop(), expires_);
}

// One server, and others where the rules say so; or the answer that tells why not.
Task<bool> Forward::ask() {
  Error error{ErrorKind::unavailable, Side::internal};
  if (rules().retry.attempts > 1) target_.balancer.retries().count_request(now());
  exchange_.downstream->on_departure(&Forward::on_departure, this);
  if (!choice_.reserve(now())) co_await wait_for_room(error);
  while (choice_.reserved() && !client_gone_) {
    error = co_await ask_server(choice_.advance().endpoint);
    if (!error) co_return true;
    // An interim response found nobody to read it, before we were told.
    if (error.side == Side::downstream && error.kind == ErrorKind::reset) client_gone_ = true;
  }
  if (client_gone_ || (error.kind == ErrorKind::cancelled && error.side == Side::downstream)) co_return false;
  answer(expired_ ? Error{ErrorKind::deadline_exceeded, Side::upstream} : error);
  co_return true;
}

void Forward::answer(const Error& error) {
  exchange_.response.clear();
  http::make_reply(exchange_, http::reason_for(error));
  // Where the request's own framing failed, nobody can tell where the next one would begin.
  if (error.side == Side::downstream) exchange_.downstream->close_after();
}

// After reserve() found nobody: until there is room, where that is what is missing. `error` tells what is.
// A client that has closed its half is taken for gone here: what is not begun is not worth beginning.
Task<void> Forward::wait_for_room(Error& error) {
  if (!choice_.waiting_helps(now())) co_return;
  error = {ErrorKind::no_room, Side::upstream};
  if (!rules().queue) {
    choice_.reserve(now());  // there may be room by now
    co_return;
  }
  const auto room = [](const void* self) {
    const auto& forward = *static_cast<const Forward*>(self);
    return forward.choice_.room(forward.now());
  };
  upstream::Queue::Place place(pool().queue(), target_.connections.loop(), exchange_.tenant, &group(),
                               {room, this});
  const Nanos since = now();
  const Nanos limit = since + rules().queue->timeout;
  const auto given_up = [this] { return client_gone_ || client_half_closed_ || expired_; };
  waiting_ = &place;
  while (!given_up() && place.enter(rules().queue->size, limit)) {
    if (co_await place.wait() != upstream::Queue::End::called || given_up()) break;
    choice_.called();
    if (choice_.reserve(now())) {
      place.served();
      break;
    }
    if (!choice_.waiting_helps(now())) {
      error = {ErrorKind::unavailable, Side::internal};
      break;
    }
  }
  waiting_ = nullptr;
  exchange_.record.queued = now() - since;
}

// The client left: for good, and what is under way for it ends; or it said that it sends no more, and may
// still want its answer.
void Forward::on_departure(void* self, http::Departure how) {
  auto& forward = *static_cast<Forward*>(self);
  if (how == http::Departure::half_closed) {
    forward.client_half_closed_ = true;
    if (forward.waiting_ != nullptr) forward.waiting_->leave();
    if (forward.streaming_ && !forward.doubt_.armed()) forward.doubt_client();
    return;
  }
  forward.client_gone_ = true;
  forward.end_wait(ErrorKind::cancelled);
}

// A stream has no end that somebody could wait for, so whoever closes one half in the middle is most likely
// gone. What still comes is sent on; a pause settles it.
void Forward::doubt_client() {
  heard_before_ = exchange_.record.bytes_out;
  doubt_.arm(target_.connections.loop(), now() + kDoubt);
}

void Forward::on_doubt(void* self) {
  auto& forward = *static_cast<Forward*>(self);
  if (forward.exchange_.record.bytes_out != forward.heard_before_) return forward.doubt_client();
  on_departure(self, http::Departure::gone);
}

// The client's own deadline: what is under way for it ends, and it is told so.
void Forward::on_deadline(void* self) {
  auto& forward = *static_cast<Forward*>(self);
  forward.expired_ = true;
  forward.end_wait(ErrorKind::deadline_exceeded);
}

void Forward::end_wait(ErrorKind why) {
  if (channel_ != nullptr) channel_->http().cancel(why);
  if (waiting_ != nullptr) waiting_->leave();
  // It may wait for something else than the server.
  if (exchange_.response_filter != nullptr) exchange_.response_filter->stop();
}

Task<void> Forward::finish(const Error& responded) {
  if (channel_ != nullptr && responded) {
    http::note_reason(exchange_.record, http::reason_for(responded));
    note_broken(responded);
    channel_->http().cancel(ErrorKind::cancelled);
  }
  const http::Record& record = exchange_.record;
  const bool sent_away = record.rule != Rule::none && record.rule_side == Side::downstream;
  if (client_gone_ && !sent_away) exchange_.record.error = "client_gone";
  if ((upload_ && upload_->running()) || replay_) return finish_under_way();
  end();
  return Task<void>::done();
}

Task<void> Forward::finish_under_way() {
  if (upload_ && upload_->running()) co_await upload_->stop();
  end();
  if (!replay_) co_return;
  co_await replay_->finish();
  exchange_.request_body = source_;
}

void Forward::end() {
  exchange_.downstream->on_departure(nullptr, nullptr);
  deadline_.disarm();
  doubt_.disarm();
  // A body that broke a rule, or that did not go on, is why whatever else ended.
  if (upload_ && upload_->error().side == Side::downstream &&
      (upload_->error().rule != Rule::none || upload_->error().kind == ErrorKind::timed_out)) {
    http::note_reason(exchange_.record, http::reason_for(upload_->error()));
  }
  upload_.reset();
  if (channel_ != nullptr) target_.connections.give_back(std::move(channel_), target_.limits.idle);
  choice_.end();
}

}  // namespace sluice::handler
