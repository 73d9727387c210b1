#include "sluice/upstream/connections/connections.hpp"

#include "sluice/tls/client_context.hpp"

#include "upstream/connections/exclusive.hpp"
#include "upstream/connections/shared.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::upstream {
namespace {

Error connect_error(int cause) {
  const ErrorKind kind = cause == ECONNREFUSED || cause == ENOENT ? ErrorKind::connect_refused
                         : cause == ETIMEDOUT                     ? ErrorKind::connect_timeout
                         : cause == ECANCELED                     ? ErrorKind::cancelled
                                                                  : ErrorKind::connect_failed;
  return {.kind = kind, .side = Side::upstream, .cause = cause};
}

// Between two tries where a unix socket has no room in its backlog.
constexpr Nanos kBacklogPause = 10'000'000;

// How often who was left over is sent on.
constexpr int kMostAttempts = 5;

// A non-blocking socket on its way to `address`; -1 and `cause` when it failed at once.
int start_connect(const SocketAddress& address, int& cause) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    cause = errno;
    return -1;
  }
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  if (::connect(fd, address.raw(), address.length()) == 0 || errno == EINPROGRESS) return fd;
  cause = errno;
  ::close(fd);
  return -1;
}

}  // namespace

bool blames_server(const Error& error) {
  if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::refused) return false;
  if (error.kind == ErrorKind::deadline_exceeded) return false;
  const int cause = error.cause;
  return cause != EMFILE && cause != ENFILE && cause != EADDRNOTAVAIL && cause != ENOMEM && cause != ENOBUFS;
}

Connections::Slot::Slot(net::Loop& loop_of, std::uint32_t generation_of)
    : loop(loop_of), generation(generation_of), retire(&Slot::on_retire, this) {}

Connections::Slot::~Slot() {
  while (!idle.empty()) {
    Exclusive* connection = &idle.front();
    connection->unlink();
    delete connection;
  }
}

Connections::~Connections() = default;

void Connections::Slot::on_retire(void* self) {
  auto& slot = *static_cast<Slot*>(self);
  slot.active.for_each([](Exclusive& connection) { connection.http().cancel(ErrorKind::cancelled); });
  slot.shared.for_each([](Shared& connection) { connection.cancel(ErrorKind::cancelled); });
}

Connections::Slot& Connections::slot(const Endpoint& endpoint) {
  if (endpoint.id() >= slots_.size()) slots_.resize(endpoint.id() + 1);
  auto& slot = slots_[endpoint.id()];
  if (slot == nullptr) slot = std::make_unique<Slot>(loop_, endpoint.generation());
  if (slot->generation != endpoint.generation()) std::abort();  // another server's connections
  return *slot;
}

void Connections::drop_idle(Exclusive& connection) {
  --slot(connection.endpoint()).idle_count;
  --idle_count_;
  connection.unlink();
  delete &connection;
}

std::unique_ptr<Channel> Connections::take(Endpoint& endpoint, bool sure) {
  Slot& s = slot(endpoint);
  if (endpoint.wire().h2) {
    std::unique_ptr<Channel> found;
    s.shared.for_each([&](Shared& connection) {
      if (found == nullptr) found = connection.take(sure);
    });
    return found;
  }
  while (!s.idle.empty()) {
    Exclusive* connection = &s.idle.front();
    if (sure && !connection->http1().transport().quiet()) {
      drop_idle(*connection);
      continue;
    }
    connection->unlink();
    connection->wake();
    --s.idle_count;
    --idle_count_;
    s.active.push_front(*connection);
    return std::unique_ptr<Channel>(connection);
  }
  return nullptr;
}

// A server on a unix socket whose backlog is full is busy, not gone. Under TCP the kernel would drop the SYN
// and send it again until our time is over; here that is for us to do.
Task<int> Connections::start(const Endpoint& endpoint, const Connecting& entry, Nanos deadline, int& cause) {
  for (;;) {
    const int fd = start_connect(endpoint.address(), cause);
    if (fd >= 0 || cause != EAGAIN) co_return fd;
    if (loop_.now() >= deadline) cause = ETIMEDOUT;
    if (entry.given_up) cause = ECANCELED;
    if (cause != EAGAIN) co_return -1;
    co_await loop_.sleep_until(std::min(loop_.now() + kBacklogPause, deadline));
  }
}

Task<std::unique_ptr<net::Transport>> Connections::connect(const Endpoint& endpoint, Nanos deadline,
                                                           Error& error) {
  int cause = 0;
  Connecting entry(connecting_, endpoint.id());
  const int fd = co_await start(endpoint, entry, deadline, cause);
  if (fd < 0) {
    error = connect_error(cause);
    co_return nullptr;
  }
  auto transport = std::make_unique<net::Transport>(loop_, fd, true);
  entry.transport = transport.get();
  const ErrorKind waited = co_await transport->writable(deadline);
  if (waited != ErrorKind::none) {
    const ErrorKind kind = waited == ErrorKind::timed_out ? ErrorKind::connect_timeout : waited;
    error = {kind, Side::upstream};
    co_return nullptr;
  }
  if (transport->hung_up()) {
    socklen_t length = sizeof cause;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &length);
    error = connect_error(cause);
    co_return nullptr;
  }
  if (endpoint.wire().tls == nullptr) co_return transport;
  SSL* const ssl = endpoint.wire().tls->connect(endpoint.server_name(), endpoint.address());
  if (ssl == nullptr) {
    error = {ErrorKind::tls_failed, Side::upstream};
    co_return nullptr;
  }
  transport->start_tls(ssl);
  error = co_await transport->handshake(deadline);
  if (!error) co_return transport;
  error = {.kind = error.kind == ErrorKind::timed_out ? ErrorKind::connect_timeout : ErrorKind::tls_failed,
           .side = Side::upstream,
           .cause = error.cause};
  co_return nullptr;
}

Task<std::unique_ptr<Channel>> Connections::open(std::shared_ptr<Endpoint> endpoint, ConnectTime time,
                                                 Error& error) {
  if (endpoint->wire().h2) co_return co_await open_shared(std::move(endpoint), time, error);
  auto transport = co_await connect(*endpoint, loop_.now() + time.patience, error);
  if (transport == nullptr) co_return nullptr;
  auto connection = std::make_unique<Exclusive>(*this, endpoint, std::move(transport));
  slot(*endpoint).active.push_front(*connection);
  co_return connection;
}

Task<std::unique_ptr<Channel>> Connections::open_shared(std::shared_ptr<Endpoint> endpoint, ConnectTime time,
                                                        Error& error) {
  const Nanos give_up = loop_.now() + time.patience;
  // Who is left over when a connection is shared out tries the next; a server that lets nobody in is no use.
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    Shared* chosen = nullptr;
    slot(*endpoint).shared.for_each([&](Shared& connection) {
      if (chosen == nullptr && connection.has_room_to_wait()) chosen = &connection;
    });
    if (chosen == nullptr) chosen = &Shared::start(*this, endpoint, time);
    Shared::Share share(*chosen, give_up);
    co_await share;
    if (share.stream != nullptr) co_return chosen->channel(std::move(share.stream), false);
    error = share.error;
    if (error) co_return nullptr;
  }
  error = {ErrorKind::refused, Side::upstream};
  co_return nullptr;
}

void Connections::give_back(std::unique_ptr<Channel> channel, Nanos idle) {
  if (channel->endpoint().wire().h2) return Shared::keep_for(*channel, idle);
  std::unique_ptr<Exclusive> connection(static_cast<Exclusive*>(channel.release()));
  Slot& s = slot(connection->endpoint());
  // Closed a second before the upstream closes it, where it says when.
  constexpr Nanos kSecond = 1'000'000'000;
  if (const std::uint32_t said = connection->http1().advertised_idle(); said != 0) {
    idle = std::min(idle, (Nanos{said} - 1) * kSecond);
  }
  if (s.retired || s.idle_count >= kMostIdlePerEndpoint || idle <= 0 || !connection->http1().reusable())
    return;
  Exclusive* kept = connection.release();
  kept->unlink();
  kept->rest(loop_.now() + idle);
  s.idle.push_front(*kept);
  ++s.idle_count;
  ++idle_count_;
}

void Connections::retire(const Endpoint& endpoint, Nanos drain) {
  // Also where there is no connection now: an exchange that began before may still open one.
  Slot& s = slot(endpoint);
  s.idle.for_each([this](Exclusive& connection) { drop_idle(connection); });
  s.shared.for_each([](Shared& connection) { connection.drain(); });
  if (!s.retired) s.retire.arm(loop_, loop_.now() + drain);
  s.retired = true;
}

void Connections::keep(const Endpoint& endpoint) {
  if (endpoint.id() >= slots_.size() || slots_[endpoint.id()] == nullptr) return;
  auto& slot = slots_[endpoint.id()];
  if (slot->generation != endpoint.generation()) {
    // Of an endpoint that is gone, with every connection to it: each holds its endpoint.
    assert(slot->idle.empty() && slot->active.empty() && slot->shared.empty());
    slot.reset();
    return;
  }
  slot->retire.disarm();
  slot->retired = false;
}

Connections::Connecting::Connecting(std::vector<Connecting*>& all_of, std::uint32_t endpoint_of)
    : all(all_of), endpoint(endpoint_of) {
  all.push_back(this);
}

Connections::Connecting::~Connecting() { std::erase(all, this); }

void Connections::give_up(const Endpoint& endpoint) {
  for (Connecting* const entry : connecting_) {
    if (entry->endpoint != endpoint.id()) continue;
    entry->given_up = true;
    if (entry->transport != nullptr) entry->transport->cancel(ErrorKind::cancelled);
  }
  slot(endpoint).shared.for_each([](Shared& connection) {
    if (connection.opening()) connection.cancel(ErrorKind::cancelled);
  });
}

void Connections::close() {
  for (const auto& slot : slots_) {
    if (slot != nullptr)
      slot->shared.for_each([](Shared& connection) { connection.cancel(ErrorKind::cancelled); });
  }
}

}  // namespace sluice::upstream
