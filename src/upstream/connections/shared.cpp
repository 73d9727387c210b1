#include "upstream/connections/shared.hpp"

#include <algorithm>
#include <utility>

namespace sluice::upstream {

// One exchange's share.
class Shared::Stream final : public Channel {
 public:
  Stream(std::shared_ptr<Endpoint> endpoint, std::unique_ptr<http2::ClientStream> stream, Shared& connection,
         bool reused)
      : Channel(std::move(endpoint), reused), stream_(std::move(stream)), connection_(connection) {}
  http::Upstream& http() override { return *stream_; }
  Shared& connection() const { return connection_; }

 private:
  std::unique_ptr<http2::ClientStream> stream_;
  Shared& connection_;
};

Shared::Shared(Connections& owner, std::shared_ptr<Endpoint> endpoint, Nanos idle)
    : owner_(owner), endpoint_(std::move(endpoint)), deadline_(&Shared::on_deadline, this), idle_(idle) {}

Shared& Shared::start(Connections& owner, std::shared_ptr<Endpoint> endpoint, const ConnectTime& time) {
  auto* const made = new Shared(owner, std::move(endpoint), time.idle);
  owner.slot(*made->endpoint_).shared.push_front(*made);
  made->establish(time.limit);
  return *made;
}

void Shared::Share::await_suspend(std::coroutine_handle<> handle) {
  waiter.handle = handle;
  connection.waiting_.push_back(this);
  deadline.arm(connection.owner_.loop(), give_up);
}

// The connection goes on opening, for the others or for later.
void Shared::Share::on_deadline(void* self) {
  auto& share = *static_cast<Share*>(self);
  std::erase(share.connection.waiting_, &share);
  share.error = {ErrorKind::connect_timeout, Side::upstream};
  share.connection.owner_.loop().wake(share.waiter);
}

bool Shared::has_room_to_wait() const {
  // What the server allowed last time is the best guess for this time.
  const std::size_t most = std::min(owner_.slot(*endpoint_).streams, http2::ClientConnection::kMostStreams);
  return opening() && waiting_.size() < most;
}

Detached Shared::establish(Nanos connect_timeout) {
  // Whoever started this is to wait for it first.
  co_await owner_.loop().yield();
  const Nanos deadline = owner_.loop().now() + connect_timeout;
  Error error;
  std::unique_ptr<net::Transport> transport;
  if (!cancelled_) transport = co_await owner_.connect(*endpoint_, deadline, error);
  if (cancelled_ && !error) error = {ErrorKind::cancelled, Side::upstream};
  // Over TLS the server must have agreed to HTTP/2; in the clear it was the operator who said so.
  if (!error && transport->ssl() != nullptr && transport->protocol() != "h2") {
    error = {ErrorKind::tls_failed, Side::upstream};
  }
  if (error) {
    settle(error);
    delete this;
    co_return;
  }
  deadline_.arm(owner_.loop(), deadline);
  http2::ClientOwner& self = *this;
  http_ = std::make_unique<http2::ClientConnection>(std::move(transport), self);
  http_->run();
}

// Those who waited get what there is.
void Shared::settle(const Error& error) {
  for (Share* share : std::exchange(waiting_, {})) {
    share->deadline.disarm();
    share->error = error;
    if (!error && http_->available()) share->stream = http_->open();
    owner_.loop().wake(share->waiter);
  }
}

void Shared::ready(http2::ClientConnection& /*connection*/) {
  deadline_.disarm();
  if (http_->is_ready()) owner_.slot(*endpoint_).streams = std::max<std::size_t>(http_->most(), 1);
  // Not HTTP/2, or not in time.
  settle(http_->is_ready() ? Error{} : Error{ErrorKind::connect_failed, Side::upstream});
  if (http_->is_ready() && http_->active() == 0)
    http_->drain();  // it lets nobody in, or nobody waits any more
}

void Shared::released(http2::ClientConnection& /*connection*/) {
  if (http_->active() != 0) return;
  const bool retired = owner_.slot(*endpoint_).retired;
  if (retired || idle_ <= 0) return http_->drain();
  deadline_.arm(owner_.loop(), owner_.loop().now() + idle_);
}

void Shared::ended(http2::ClientConnection& /*connection*/) { delete this; }

void Shared::on_deadline(void* self) {
  auto& connection = *static_cast<Shared*>(self);
  if (connection.opening()) {
    connection.http_->cancel(ErrorKind::connect_timeout);
  } else if (connection.http_->active() == 0) {
    connection.http_->drain();
  }
}

std::unique_ptr<Channel> Shared::take(bool sure) {
  if (opening() || !http_->available()) return nullptr;
  if (http_->active() == 0) {
    deadline_.disarm();
    if (sure && !http_->transport().open()) return nullptr;
  }
  return channel(http_->open(), true);
}

std::unique_ptr<Channel> Shared::channel(std::unique_ptr<http2::ClientStream> stream, bool reused) {
  return std::make_unique<Stream>(endpoint_, std::move(stream), *this, reused);
}

void Shared::drain() {
  // Those who wait began before: they are let in, and the last to leave ends it (released).
  if (http_ != nullptr && waiting_.empty()) http_->drain();
}

void Shared::cancel(ErrorKind kind) {
  cancelled_ = true;
  if (http_ != nullptr) http_->cancel(kind);
}

void Shared::keep_for(Channel& channel, Nanos idle) {
  static_cast<Stream&>(channel).connection().idle_ = idle;
}

}  // namespace sluice::upstream
