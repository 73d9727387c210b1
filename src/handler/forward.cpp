#include "sluice/handler/forward.hpp"

#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/upstream/balance/least_connections.hpp"

#include <array>
#include <cerrno>
#include <utility>

namespace sluice::handler {
namespace {

using upstream::Connection;

// One server that refuses is passed over for another, once. Pooled connections found closed do not count: the
// server did not refuse, we were late.
constexpr std::size_t kMostServers = 2;

// Failures that say nothing about the server.
bool our_own(int cause) {
  return cause == EMFILE || cause == ENFILE || cause == EADDRNOTAVAIL || cause == ENOMEM || cause == ENOBUFS;
}

// The request body on its way up while the response may already be coming down.
class Upload {
 public:
  Upload(http::Exchange& exchange, Connection& connection) : exchange_(exchange), connection_(connection) {}

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
      connection_.http().cancel(ErrorKind::cancelled);
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
    error_ = co_await connection_.http().upload(exchange_);
    // A client that fails takes its request with it. A server that stops reading may still have an answer.
    if (error_ && error_.side != Side::upstream) connection_.http().cancel(ErrorKind::cancelled);
    running_ = false;
    if (joiner_ != nullptr) connection_.http().transport().loop().wake(*joiner_);
  }

  http::Exchange& exchange_;
  Connection& connection_;
  Error error_;
  net::Waiter* joiner_ = nullptr;
  bool running_ = false;
};

class Forward {
 public:
  Forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account)
      : exchange_(exchange), target_(target), account_(account) {}

  Task<void> run() {
    Error error{ErrorKind::unavailable, Side::internal};
    for (;;) {
      const std::size_t index = target_.balancer.pick(target_.members, {tried_.data(), tried_count_}, now());
      if (index == upstream::LeastConnections::kNone) break;
      error = co_await ask(target_.members[index].endpoint);
      if (client_gone_) exchange_.account.error = "client_gone";
      if (!error || exchange_.downstream->responding() || client_gone_) co_return;
      if (!may_retry_ || tried_count_ == kMostServers) break;
    }
    if (error.kind == ErrorKind::cancelled && error.side == Side::downstream) co_return;
    co_await answer(error);
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
    return http::idempotent(exchange_.request.method) && exchange_.request_body == nullptr &&
           exchange_.request.upgrade.empty();
  }

  // One server: a pooled connection if there is one, else a new one; a stale pooled one is replaced.
  Task<Error> ask(std::shared_ptr<upstream::Endpoint> endpoint) {
    may_retry_ = false;
    account_.endpoint = endpoint;
    ++account_.attempts;
    Lease lease(*endpoint);
    while (auto connection = target_.connections.take(*endpoint, !repeatable())) {
      const Error error = co_await exchange_on(std::move(connection));
      if (!stale_) co_return error;
    }
    Error error;
    auto connection = co_await connect(endpoint, error);
    if (connection == nullptr) {
      tried_[tried_count_++] = endpoint->id();
      may_retry_ = true;
      co_return error;
    }
    co_return co_await exchange_on(std::move(connection));
  }

  Task<std::unique_ptr<Connection>> connect(const std::shared_ptr<upstream::Endpoint>& endpoint,
                                            Error& error) {
    const Nanos before = now();
    auto connection = co_await target_.connections.open(endpoint, target_.limits.connect, error);
    account_.connect += now() - before;
    if (connection == nullptr) {
      if (error.kind != ErrorKind::cancelled && !our_own(error.cause)) endpoint->connect_failed(now());
    } else {
      endpoint->connect_succeeded();
    }
    co_return connection;
  }

  // The whole exchange over one connection. Sets stale_ when it should be done again on another one.
  Task<Error> exchange_on(std::unique_ptr<Connection> connection) {
    stale_ = false;
    http1::ClientConnection& peer = connection->http();
    peer.begin({target_.limits.first_byte, target_.limits.body});
    Upload upload(exchange_, *connection);
    const Watch watch(*this, peer);
    const Nanos asked = now();
    const upstream::Endpoint& endpoint = connection->endpoint();
    const std::string_view host =
        endpoint.address().is_unix() ? std::string_view("localhost") : endpoint.name();
    Error error = co_await peer.send(exchange_, host);
    if (error.side == Side::downstream && error) co_return error;  // the body was bad, nothing left us
    if (!error && !peer.sent_all()) upload.start();
    // A failed write is not the last word: a server may answer and close without reading the whole request.
    error = co_await peer.receive(exchange_);
    account_.first_byte = now() - asked;
    if (error) {
      // Our own stop() makes the upload fail too: only a failure from before it is a cause.
      const Error cause = upload.running() ? Error{} : upload.error();
      co_await upload.stop();
      if (cause && cause.side == Side::downstream && !client_gone_) co_return cause;
      if (client_gone_) co_return Error{ErrorKind::cancelled, Side::downstream};
      stale_ = connection->reused() && !peer.heard() && repeatable() && error.kind != ErrorKind::timed_out &&
               error.kind != ErrorKind::cancelled;
      co_return error;
    }
    co_await respond(peer, upload);
    co_await upload.stop();
    target_.connections.give_back(std::move(connection), target_.limits.idle);
    co_return Error{};
  }

  Task<void> respond(http1::ClientConnection& peer, Upload& upload) {
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
    const Error error = co_await exchange_.downstream->respond();
    if (!error) co_return;
    exchange_.account.error = http::reason_for(error).error;
    peer.cancel(ErrorKind::cancelled);
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
    http1::ClientConnection& peer;
    Watch(Forward& forward_of, http1::ClientConnection& peer_of) : forward(forward_of), peer(peer_of) {
      forward.exchange_.downstream->on_gone(&Watch::on_gone, this);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { forward.exchange_.downstream->on_gone(nullptr, nullptr); }
    static void on_gone(void* context) {
      auto& watch = *static_cast<Watch*>(context);
      watch.forward.client_gone_ = true;
      watch.peer.cancel(ErrorKind::cancelled);
    }
  };

  http::Exchange& exchange_;
  const ForwardTarget& target_;
  ForwardAccount& account_;
  std::array<std::uint32_t, kMostServers> tried_{};
  std::size_t tried_count_ = 0;
  bool may_retry_ = false;
  bool stale_ = false;
  bool client_gone_ = false;
};

}  // namespace

Task<void> forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account) {
  Forward forward(exchange, target, account);
  co_await forward.run();
}

}  // namespace sluice::handler
