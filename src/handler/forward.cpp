#include "sluice/handler/forward.hpp"

#include "sluice/http/forwarding.hpp"
#include "sluice/http/grpc.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/upstream/balance/balancer.hpp"
#include "sluice/upstream/balance/key.hpp"

#include "handler/place.hpp"
#include "handler/replay.hpp"
#include "handler/sticky_cookie.hpp"
#include "handler/upload.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sluice::handler {
namespace {

using upstream::Channel;
using upstream::kNobody;
using upstream::RetryReason;

// As many as `retry.attempts` may say.
constexpr std::size_t kMostTries = 10;
// A server that says it did nothing with the request (a connection that ends, a limit on streams) is asked
// again; so often.
constexpr int kMostRefusals = 3;

bool connection_ended(const Error& error) {
  return error.kind == ErrorKind::closed || error.kind == ErrorKind::reset ||
         error.kind == ErrorKind::abandoned;
}

class Forward {
 public:
  Forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account)
      : exchange_(exchange),
        target_(target),
        account_(account),
        limits_{target.limits.first_byte, target.limits.body},
        deadline_(&Forward::on_deadline, this) {
    const upstream::BalanceSpec& spec = group().spec();
    if (spec.kind == upstream::BalanceKind::hash) key_ = upstream::key_of(spec.key, exchange);
    if (group().sticky() != nullptr) bound_to_ = bound_server(exchange, group());
  }

  // What the client says of its patience goes before what is configured, and streams may be silent.
  void begin_call() {
    limits_.body = http::kGrpcSilence;
    const auto timeout = http::grpc_timeout(exchange_.request);
    if (!timeout) return;
    limits_.first_byte = std::max(limits_.first_byte, *timeout);
    expires_ = now() + *timeout;
    deadline_.arm(target_.connections.loop(), expires_);
  }

  // One server, and others where the rules say so; or the answer that tells why not.
  Task<void> ask_around() {
    Error error{ErrorKind::unavailable, Side::internal};
    if (rules().retry.attempts > 1) target_.balancer.retries().count_request(now());
    if (!reserve()) co_await wait_for_room(error);
    while (next_.taken()) {
      place_ = std::move(next_);
      error = co_await ask(group().members()[place_.index()].endpoint);
      if (client_gone_) exchange_.account.error = "client_gone";
      if (!error || exchange_.downstream->responding() || client_gone_) co_return;
    }
    if (client_gone_) exchange_.account.error = "client_gone";
    if (client_gone_ || (error.kind == ErrorKind::cancelled && error.side == Side::downstream)) co_return;
    co_await answer(expired_ ? Error{ErrorKind::deadline_exceeded, Side::upstream} : error);
  }

  // Whether the client's body is still ours.
  bool finishes_later() const { return replay_.has_value(); }
  Task<void> finish() {
    deadline_.disarm();
    co_await replay_->finish();
    exchange_.request_body = source_;
  }

 private:
  Nanos now() const { return target_.connections.loop().now(); }
  // These three not once a tunnel is open.
  const upstream::Group& group() const { return target_.balancer.group(); }
  const upstream::Rules& rules() const { return group().rules(); }
  upstream::PoolState& pool() const { return *group().state(); }
  std::span<const std::uint32_t> tried() const { return {tried_.data(), tried_count_}; }

  Task<void> answer(const Error& error) {
    exchange_.response.clear();
    http::make_reply(exchange_, http::reason_for(error));
    // Where the request's own framing failed, nobody can tell where the next one would begin.
    if (error.side == Side::downstream) exchange_.downstream->close_after();
    co_await exchange_.downstream->respond();
  }

  // A place at a server for this request, in next_: at the one the client is bound to, if that can be, or at
  // the one that the pool's policy picks.
  bool reserve() {
    // Who waits already comes first.
    if (rules().queue && !had_turn_ && pool().queue().anybody()) return false;
    for (;;) {
      std::size_t index = bound_to_;
      if (index == kNobody || !target_.balancer.may_stay(index, tried(), now())) {
        index = target_.balancer.pick(tried(), now(), key_);
      }
      if (index == kNobody) return false;
      next_ = Place::take(group(), index);
      if (next_.taken()) break;  // otherwise another worker was faster
    }
    had_turn_ = true;
    return true;
  }

  // After reserve() found nobody: until there is room, where that is what is missing. `error` tells what is.
  Task<void> wait_for_room(Error& error) {
    upstream::Balancer& balancer = target_.balancer;
    if (!balancer.waiting_helps(tried(), now())) co_return;
    error = {ErrorKind::no_room, Side::upstream};
    if (!rules().queue) {
      reserve();  // there may be room by now
      co_return;
    }
    upstream::Queue& queue = pool().queue();
    upstream::Queue::Place place(queue, target_.connections.loop(), exchange_.tenant, &group(),
                                 {&Forward::room, this});
    const Nanos since = now();
    const Nanos limit = since + nanos(rules().queue->timeout);
    const Watch watch(*this, &place);
    while (!client_gone_ && !expired_ && place.enter(rules().queue->size, limit)) {
      if (co_await place.wait() != upstream::Queue::End::called || client_gone_ || expired_) break;
      had_turn_ = true;
      if (reserve()) {
        place.served();
        break;
      }
      if (!balancer.waiting_helps(tried(), now())) {
        error = {ErrorKind::unavailable, Side::internal};
        break;
      }
    }
    account_.queued = now() - since;
  }

  static std::uint64_t room(const void* self) {
    const auto& forward = *static_cast<const Forward*>(self);
    return forward.target_.balancer.room(forward.tried(), forward.now());
  }

  // A place at another server, where the rules allow one more try.
  bool try_another(RetryReason reason) {
    const config::Retry& retry = rules().retry;
    if (expired_ || client_gone_ || account_.attempts >= retry.attempts) return false;
    tried_[tried_count_++] = place_.endpoint().id();
    if (!reserve()) return false;
    if (target_.balancer.retries().take(retry.budget, retry.budget_min, now())) {
      pool().count_retry(reason);
      return true;
    }
    next_ = {};
    return false;
  }

  // Whether another server than this one could be asked.
  bool has_other() {
    tried_[tried_count_++] = place_.endpoint().id();
    const bool found = room(this) != 0;
    --tried_count_;
    return found;
  }

  // The same after a failure before a byte of the response, for a request that can be sent again.
  void try_another_after(const Error& error) {
    const config::Failures& on = rules().retry.on;
    if (!repeatable()) return;
    if (on.timeout && error.kind == ErrorKind::timed_out && try_another(RetryReason::timeout)) rewind();
    if (on.reset && connection_ended(error) && try_another(RetryReason::reset)) rewind();
  }

  // Whether the request can be sent once more although it may have been acted upon.
  bool repeatable() const {
    return http::idempotent(exchange_.request.method) && body_is_whole() && body_fits() &&
           exchange_.request.upgrade.empty();
  }
  // Whether the body, if there is one, can be sent from its first byte.
  bool body_is_whole() const {
    return exchange_.request_body == nullptr || (replay_ && replay_->can_rewind());
  }
  // Whether it can be kept to its end, as far as is known.
  bool body_fits() const {
    return exchange_.request.framing != http::Framing::length ||
           exchange_.request.length <= rules().retry.body;
  }
  // Before another attempt.
  void rewind() {
    if (replay_) replay_->rewind();
  }
  // Keeps what is sent of the body, where it may have to be sent again: to servers that may refuse streams,
  // and where the rules allow to repeat what may have been acted upon.
  void keep_body(const upstream::Endpoint& endpoint) {
    if (exchange_.request_body == nullptr || replay_) return;
    const config::Failures& on = rules().retry.on;
    const bool repeats = rules().retry.attempts > 1 && (on.reset || on.timeout || !on.statuses.empty()) &&
                         http::idempotent(exchange_.request.method);
    if (!endpoint.wire().h2 && !(repeats && body_fits())) return;
    source_ = exchange_.request_body;
    const std::uint64_t most = rules().retry.body;
    const bool known = exchange_.request.framing == http::Framing::length;
    replay_.emplace(target_.connections.loop(), *source_,
                    static_cast<std::size_t>(known ? std::min(most, exchange_.request.length) : most));
    exchange_.request_body = &*replay_;
  }

  // One server: a pooled connection if there is one, else a new one; a stale pooled one is replaced.
  Task<Error> ask(std::shared_ptr<upstream::Endpoint> endpoint) {
    account_.endpoint = endpoint;
    ++account_.attempts;
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
      if (!stale_) co_return error;
      rewind();
    }
  }

  Task<std::unique_ptr<Channel>> connect(const std::shared_ptr<upstream::Endpoint>& endpoint, Error& error) {
    const Nanos before = now();
    const Nanos limit = target_.limits.connect;
    const Nanos patience = expires_ == 0 ? limit : std::min(limit, expires_ - before);
    auto channel = co_await target_.connections.open(endpoint, {limit, patience, target_.limits.idle}, error);
    account_.connect += now() - before;
    if (channel != nullptr) endpoint->connect_succeeded(now());
    if (expired_ && channel != nullptr) {
      channel.reset();
      error = {ErrorKind::deadline_exceeded, Side::upstream};
    }
    const bool impatient = patience < limit && error.kind == ErrorKind::connect_timeout;
    if (error && !impatient && upstream::blames_server(error)) {
      endpoint->connect_failed(now());
      if (rules().outlier && rules().outlier->errors.connect) report(to_string(error.kind));
    }
    co_return channel;
  }

  // For a try after which another one can come, its own patience.
  http::UpstreamLimits limits_of_try() {
    http::UpstreamLimits out = limits_;
    const config::Retry& retry = rules().retry;
    if (!retry.per_try_timeout || account_.attempts >= retry.attempts || !repeatable()) return out;
    upstream::Balancer& balancer = target_.balancer;
    // A body whose length nobody knows may turn out to be too long to be sent twice.
    const bool known =
        exchange_.request_body == nullptr || exchange_.request.framing == http::Framing::length;
    const bool possible =
        known && balancer.retries().allows(retry.budget, retry.budget_min, now()) && has_other();
    if (possible) out.first_byte = std::min(out.first_byte, nanos(*retry.per_try_timeout));
    return out;
  }

  // The whole exchange over one connection. Sets stale_ when it should be done again on another one, and
  // takes next_ when on another server.
  Task<Error> exchange_on(std::unique_ptr<Channel> channel) {
    stale_ = false;
    http::Upstream& peer = channel->http();
    peer.begin(limits_of_try());
    Upload upload(exchange_, peer, target_.connections.loop());
    const Watch watch(*this, peer);
    if (client_gone_) co_return Error{ErrorKind::cancelled, Side::downstream};  // before anything left us
    const Nanos asked = now();
    upstream::Endpoint& endpoint = channel->endpoint();
    Error error = co_await peer.send(exchange_, endpoint.default_host());
    if (error.side == Side::downstream && error) co_return error;  // the body was bad, nothing left us
    const bool sent_at_once = !error && peer.sent_all();
    if (!error && !sent_at_once) upload.start();
    // A failed write is not the last word: a server may answer and close without reading the whole request.
    error = co_await peer.receive(exchange_);
    account_.first_byte = now() - asked;
    // A body that is still to come makes the server wait for the client: that time is not the server's.
    if (sent_at_once) judge(endpoint, error);
    if (error) {
      // Our own stop() makes the upload fail too: only a failure from before it is a cause.
      const Error cause = upload.running() ? Error{} : upload.error();
      co_await upload.stop();
      if (cause && cause.side == Side::downstream && !client_gone_) co_return cause;
      if (client_gone_) co_return Error{ErrorKind::cancelled, Side::downstream};
      stale_ = !expired_ && !peer.heard() && may_repeat(error, channel->reused());
      if (stale_) co_return error;
      report(error);
      if (!peer.heard()) try_another_after(error);
      co_return error;
    }
    report_status();
    if (config::covers(rules().retry.on.statuses, exchange_.response.status) && repeatable() &&
        try_another(RetryReason::status)) {
      if (upload.running()) co_await upload.stop();
      rewind();
      exchange_.response.clear();
      exchange_.response_body = nullptr;
      co_return Error{ErrorKind::refused, Side::upstream};
    }
    prepare_response(upload);
    error = co_await exchange_.downstream->respond();
    if (error) {
      exchange_.account.error = http::reason_for(error).error;
      peer.cancel(ErrorKind::cancelled);
    }
    if (upload.running()) co_await upload.stop();
    target_.connections.give_back(std::move(channel), target_.limits.idle);
    co_return Error{};
  }

  // What the balancer is to know of an answer, or of none.
  void judge(upstream::Endpoint& endpoint, const Error& error) {
    if (!error && exchange_.response.status < 500) {
      target_.balancer.answered(endpoint, account_.first_byte, now());
    } else if (!client_gone_ && !expired_) {
      target_.balancer.failed(endpoint, account_.first_byte, now());
    }
  }

  // What passive health is to know of a try: why it failed, or nothing.
  void report(std::string_view why) {
    pool().outliers().report(*rules().outlier, group().members(), place_.endpoint(), why, now());
  }
  void report(const Error& error) {
    if (!rules().outlier || client_gone_ || expired_ || error.side != Side::upstream) return;
    const config::Failures& errors = rules().outlier->errors;
    // What is no HTTP at all is no better than no answer.
    const bool none = connection_ended(error) || error.kind == ErrorKind::malformed;
    const bool late = error.kind == ErrorKind::timed_out;
    const bool counts = (errors.timeout && late) || (errors.reset && none);
    if (counts) report(to_string(error.kind));
  }
  void report_status() {
    if (!rules().outlier) return;
    const std::uint16_t status = exchange_.response.status;
    report(config::covers(rules().outlier->errors.statuses, status) ? fmt::format("status {}", status)
                                                                    : std::string());
  }

  // After a failure before anything of a response came: whether the same request may be sent once more.
  bool may_repeat(const Error& error, bool reused) {
    if (error.kind == ErrorKind::refused) return body_is_whole() && ++refusals_ < kMostRefusals;
    // The connection had ended before we used it; one that lives and says nothing was given the request.
    return reused && repeatable() && (error.kind == ErrorKind::closed || error.kind == ErrorKind::reset);
  }

  // The client's own deadline: what is under way for it ends, and it is told so.
  static void on_deadline(void* self) {
    auto& forward = *static_cast<Forward*>(self);
    forward.expired_ = true;
    forward.end_wait(ErrorKind::deadline_exceeded);
  }
  void end_wait(ErrorKind why) {
    if (peer_ != nullptr) peer_->cancel(why);
    if (waiting_ != nullptr) waiting_->leave();
  }

  void prepare_response(Upload& upload) {
    http::ResponseHead& head = exchange_.response;
    const bool tunnel = head.status == 101;
    http::drop_hop_by_hop(head.fields);
    if (group().sticky() != nullptr) bind_client(exchange_, group(), bound_to_, place_.index(), now());
    if (tunnel) {
      head.fields.add(exchange_.arena, "Upgrade", exchange_.request.upgrade, http::FieldId::upgrade);
      exchange_.downstream->open_tunnel();
      target_.tunnel_opened(target_.context);
      upload.start();
    } else if (upload.running()) {
      // Answered before the request was read: nobody can say yet whether the rest of it will come.
      exchange_.downstream->close_after();
    }
  }

  // While it lives, a client that is gone for good ends what is under way for it.
  struct Watch {
    Forward& forward;
    Watch(Forward& forward_of, http::Upstream& peer) : forward(forward_of) {
      forward.peer_ = &peer;
      forward.exchange_.downstream->on_gone(&Watch::on_gone, &forward);
    }
    Watch(Forward& forward_of, upstream::Queue::Place* place) : forward(forward_of) {
      forward.waiting_ = place;
      forward.exchange_.downstream->on_gone(&Watch::on_gone, &forward);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      forward.exchange_.downstream->on_gone(nullptr, nullptr);
      forward.peer_ = nullptr;
      forward.waiting_ = nullptr;
    }
    static void on_gone(void* context) {
      auto& forward = *static_cast<Forward*>(context);
      forward.client_gone_ = true;
      forward.end_wait(ErrorKind::cancelled);
    }
  };

  http::Exchange& exchange_;
  const ForwardTarget& target_;
  ForwardAccount& account_;
  http::UpstreamLimits limits_;
  net::Deadline deadline_;
  Nanos expires_ = 0;                          // by the client's own word; 0: it said nothing
  http::Upstream* peer_ = nullptr;             // who is being asked
  upstream::Queue::Place* waiting_ = nullptr;  // where we wait for room
  http::BodySource* source_ = nullptr;         // under the replay
  std::optional<Replay> replay_;
  Place place_;  // at who is being asked
  Place next_;   // at who is asked then
  upstream::Key key_;
  std::size_t bound_to_ = kNobody;  // by the client's cookie
  int refusals_ = 0;
  std::array<std::uint32_t, kMostTries> tried_{};
  std::size_t tried_count_ = 0;
  bool had_turn_ = false;
  bool stale_ = false;
  bool client_gone_ = false;
  bool expired_ = false;
};

}  // namespace

Task<void> forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account) {
  Forward forward(exchange, target, account);
  if (http::is_grpc(exchange.request)) forward.begin_call();
  co_await forward.ask_around();
  if (forward.finishes_later()) co_await forward.finish();
}

}  // namespace sluice::handler
