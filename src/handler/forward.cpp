#include "sluice/handler/forward.hpp"

#include "sluice/http/forwarding.hpp"
#include "sluice/http/grpc.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/upstream/balance/balancer.hpp"
#include "sluice/upstream/balance/key.hpp"

#include "handler/replay.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

namespace sluice::handler {
namespace {

using upstream::Channel;

// One server that refuses is passed over for another, once. Pooled connections found closed do not count: the
// server did not refuse, we were late.
constexpr std::size_t kMostServers = 2;
// A server that says it did nothing with the request (a connection that ends, a limit on streams) is asked
// again, or another is; so often.
constexpr int kMostRefusals = 3;

// Failures of a connect that say nothing about the server, or that it is well and busy.
bool says_nothing(const Error& error) {
  if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::refused) return true;
  if (error.kind == ErrorKind::deadline_exceeded) return true;
  const int cause = error.cause;
  return cause == EMFILE || cause == ENFILE || cause == EADDRNOTAVAIL || cause == ENOMEM || cause == ENOBUFS;
}

// The request body on its way up while the response may already be coming down.
class Upload {
 public:
  Upload(http::Exchange& exchange, http::Upstream& peer, net::Loop& loop)
      : exchange_(exchange), peer_(peer), loop_(loop) {}

  void start() {
    running_ = true;
    run();
  }
  bool running() const { return running_; }
  // After join(): how it went.
  const Error& error() const { return error_; }

  // Nobody wants the rest: stops and waits for the end.
  Task<void> stop() {
    if (running_) {
      exchange_.request_body->stop();
      peer_.cancel(ErrorKind::cancelled);
    }
    co_await Join{*this};
  }

 private:
  struct Join {
    Upload& upload;
    net::Waiter waiter{};
    bool await_ready() const noexcept { return !upload.running_; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      waiter.handle = handle;
      upload.joiner_ = &waiter;
    }
    void await_resume() const noexcept {}
  };

  Detached run() {
    error_ = co_await peer_.upload(exchange_);
    // A client that fails takes its request with it. A server that stops reading may still have an answer.
    if (error_ && error_.side != Side::upstream) peer_.cancel(ErrorKind::cancelled);
    running_ = false;
    if (joiner_ != nullptr) loop_.wake(*joiner_);
  }

  http::Exchange& exchange_;
  http::Upstream& peer_;
  net::Loop& loop_;
  Error error_;
  net::Waiter* joiner_ = nullptr;
  bool running_ = false;
};

class Forward {
 public:
  Forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account)
      : exchange_(exchange),
        target_(target),
        account_(account),
        limits_{target.limits.first_byte, target.limits.body},
        deadline_(&Forward::on_deadline, this) {}

  // What the client says of its patience goes before what is configured, and streams may be silent.
  void begin_call() {
    limits_.body = http::kGrpcSilence;
    const auto timeout = http::grpc_timeout(exchange_.request);
    if (!timeout) return;
    limits_.first_byte = std::max(limits_.first_byte, *timeout);
    expires_ = now() + *timeout;
    deadline_.arm(target_.connections.loop(), expires_);
  }

  // One server, and another if the first cannot be had; or the answer that says so.
  Task<void> ask_around() {
    Error error{ErrorKind::unavailable, Side::internal};
    const upstream::KeySpec& key_spec = target_.balancer.group().spec().key;
    const upstream::Key key = upstream::key_of(key_spec, exchange_);
    for (;;) {
      const std::size_t index = target_.balancer.pick({tried_.data(), tried_count_}, now(), key);
      if (index == upstream::kNobody) break;
      error = co_await ask(target_.balancer.members()[index].endpoint);
      if (client_gone_) exchange_.account.error = "client_gone";
      if (!error || exchange_.downstream->responding() || client_gone_) co_return;
      if (!may_retry_ || tried_count_ == kMostServers) break;
    }
    if (error.kind == ErrorKind::cancelled && error.side == Side::downstream) co_return;
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

  Task<void> answer(const Error& error) {
    exchange_.response.clear();
    http::make_reply(exchange_, http::reason_for(error));
    // Where the request's own framing failed, nobody can tell where the next one would begin.
    if (error.side == Side::downstream) exchange_.downstream->close_after();
    co_await exchange_.downstream->respond();
  }

  // Whether the request can be sent once more although it may have been acted upon.
  bool repeatable() const {
    return http::idempotent(exchange_.request.method) && body_is_whole() && exchange_.request.upgrade.empty();
  }
  // Whether the body, if there is one, can be sent from its first byte.
  bool body_is_whole() const {
    return exchange_.request_body == nullptr || (replay_ && replay_->can_rewind());
  }
  // Before another attempt.
  void rewind() {
    if (replay_) replay_->rewind();
  }

  // One server: a pooled connection if there is one, else a new one; a stale pooled one is replaced.
  Task<Error> ask(std::shared_ptr<upstream::Endpoint> endpoint) {
    may_retry_ = false;
    account_.endpoint = endpoint;
    ++account_.attempts;
    Lease lease(*endpoint);
    if (endpoint->wire().h2 && exchange_.request_body != nullptr && !replay_) {
      source_ = exchange_.request_body;
      replay_.emplace(target_.connections.loop(), *source_);
      exchange_.request_body = &*replay_;
    }
    while (auto channel = target_.connections.take(*endpoint, !repeatable())) {
      const Error error = co_await exchange_on(std::move(channel));
      if (!stale_) co_return error;
      rewind();
    }
    for (;;) {
      Error error;
      auto channel = co_await connect(endpoint, error);
      if (channel == nullptr) {
        tried_[tried_count_++] = endpoint->id();
        may_retry_ = !expired_;
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
    if (channel != nullptr) endpoint->connect_succeeded();
    if (expired_ && channel != nullptr) {
      channel.reset();
      error = {ErrorKind::deadline_exceeded, Side::upstream};
    }
    const bool impatient = patience < limit && error.kind == ErrorKind::connect_timeout;
    if (error && !impatient && !says_nothing(error)) endpoint->connect_failed(now());
    co_return channel;
  }

  // The whole exchange over one connection. Sets stale_ when it should be done again on another one.
  Task<Error> exchange_on(std::unique_ptr<Channel> channel) {
    stale_ = false;
    http::Upstream& peer = channel->http();
    peer.begin(limits_);
    Upload upload(exchange_, peer, target_.connections.loop());
    const Watch watch(*this, peer);
    if (client_gone_) co_return Error{ErrorKind::cancelled, Side::downstream};  // before anything left us
    const Nanos asked = now();
    upstream::Endpoint& endpoint = channel->endpoint();
    const std::string_view host =
        endpoint.address().is_unix() ? std::string_view("localhost") : endpoint.name();
    Error error = co_await peer.send(exchange_, host);
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
      co_return error;
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
    if (forward.peer_ != nullptr) forward.peer_->cancel(ErrorKind::deadline_exceeded);
  }

  void prepare_response(Upload& upload) {
    http::ResponseHead& head = exchange_.response;
    const bool tunnel = head.status == 101;
    http::drop_hop_by_hop(head.fields);
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

  struct Lease {
    upstream::Endpoint& endpoint;
    explicit Lease(upstream::Endpoint& leased) : endpoint(leased) { endpoint.acquire(); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { endpoint.release(); }
  };

  // While it lives, a client that is gone for good ends what is under way for it.
  struct Watch {
    Forward& forward;
    http::Upstream& peer;
    Watch(Forward& forward_of, http::Upstream& peer_of) : forward(forward_of), peer(peer_of) {
      forward.peer_ = &peer;
      forward.exchange_.downstream->on_gone(&Watch::on_gone, this);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      forward.exchange_.downstream->on_gone(nullptr, nullptr);
      forward.peer_ = nullptr;
    }
    static void on_gone(void* context) {
      auto& watch = *static_cast<Watch*>(context);
      watch.forward.client_gone_ = true;
      watch.peer.cancel(ErrorKind::cancelled);
    }
  };

  http::Exchange& exchange_;
  const ForwardTarget& target_;
  ForwardAccount& account_;
  http::UpstreamLimits limits_;
  net::Deadline deadline_;
  Nanos expires_ = 0;                   // by the client's own word; 0: it said nothing
  http::Upstream* peer_ = nullptr;      // who is being asked
  http::BodySource* source_ = nullptr;  // under the replay
  std::optional<Replay> replay_;
  int refusals_ = 0;
  std::array<std::uint32_t, kMostServers> tried_{};
  std::size_t tried_count_ = 0;
  bool may_retry_ = false;
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
