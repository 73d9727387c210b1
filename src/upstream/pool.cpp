#include "sluice/upstream/pool.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::upstream {
namespace {

Error connect_error(int cause) {
  const ErrorKind kind = cause == ECONNREFUSED || cause == ENOENT ? ErrorKind::connect_refused
                         : cause == ETIMEDOUT                     ? ErrorKind::connect_timeout
                                                                  : ErrorKind::connect_failed;
  return {kind, Side::upstream, cause};
}

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

Connection::Connection(Connections& owner, std::shared_ptr<Endpoint> endpoint,
                       std::unique_ptr<net::Transport> transport)
    : owner_(owner),
      endpoint_(std::move(endpoint)),
      http_(std::move(transport)),
      idle_deadline_(&Connection::on_idle_deadline, this) {}

Connection::~Connection() = default;

// Nothing may come on an idle connection: a FIN, or bytes nobody asked for. Either way it is of no more use.
void Connection::on_activity(bool /*hung_up*/) { owner_.drop_idle(*this); }

void Connection::on_idle_deadline(void* self) {
  auto& connection = *static_cast<Connection*>(self);
  connection.owner_.drop_idle(connection);
}

Connections::~Connections() = default;

Connections::Slot::~Slot() {
  while (!idle.empty()) {
    Connection* connection = idle.front();
    connection->unlink();
    delete connection;
  }
}

void Connections::Slot::on_retire(void* self) {
  static_cast<Slot*>(self)->active.for_each([](Connection& c) { c.http().cancel(ErrorKind::cancelled); });
}

Connections::Slot& Connections::slot(const Endpoint& endpoint) {
  if (endpoint.id() >= slots_.size()) slots_.resize(endpoint.id() + 1);
  auto& slot = slots_[endpoint.id()];
  if (slot == nullptr) slot = std::make_unique<Slot>(loop_);
  return *slot;
}

void Connections::drop_idle(Connection& connection) {
  --slot(connection.endpoint()).idle_count;
  --idle_count_;
  connection.unlink();
  delete &connection;
}

std::unique_ptr<Connection> Connections::take(Endpoint& endpoint, bool sure) {
  Slot& s = slot(endpoint);
  while (!s.idle.empty()) {
    Connection* connection = s.idle.front();
    net::Transport& transport = connection->http().transport();
    if (sure && !transport.quiet()) {
      drop_idle(*connection);
      continue;
    }
    connection->unlink();
    connection->idle_deadline_.disarm();
    transport.set_observer(nullptr);
    --s.idle_count;
    --idle_count_;
    connection->reused_ = true;
    s.active.push_front(*connection);
    return std::unique_ptr<Connection>(connection);
  }
  return nullptr;
}

Task<std::unique_ptr<Connection>> Connections::open(std::shared_ptr<Endpoint> endpoint, Nanos connect_timeout,
                                                    Error& error) {
  int cause = 0;
  const int fd = start_connect(endpoint->address(), cause);
  if (fd < 0) {
    error = connect_error(cause);
    co_return nullptr;
  }
  auto transport = std::make_unique<net::Transport>(loop_, fd, true);
  net::Transport& pending = *transport;
  auto connection = std::make_unique<Connection>(*this, endpoint, std::move(transport));
  slot(*endpoint).active.push_front(*connection);
  const ErrorKind waited = co_await pending.writable(loop_.now() + connect_timeout);
  if (waited != ErrorKind::none) {
    const ErrorKind kind = waited == ErrorKind::timed_out ? ErrorKind::connect_timeout : waited;
    error = {kind, Side::upstream, 0};
    co_return nullptr;
  }
  socklen_t length = sizeof cause;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &length);
  if (cause != 0) {
    error = connect_error(cause);
    co_return nullptr;
  }
  co_return connection;
}

void Connections::give_back(std::unique_ptr<Connection> connection, Nanos idle) {
  Slot& s = slot(connection->endpoint());
  // Closed a second before the upstream closes it, where it says when.
  constexpr Nanos kSecond = 1'000'000'000;
  if (const std::uint32_t said = connection->http().advertised_idle(); said != 0) {
    idle = std::min(idle, (Nanos{said} - 1) * kSecond);
  }
  if (s.retired || s.idle_count >= kMostIdlePerEndpoint || idle <= 0 || !connection->http().reusable())
    return;
  Connection* kept = connection.release();
  kept->unlink();
  kept->http().rest();
  kept->idle_deadline_.arm(loop_, loop_.now() + idle);
  kept->http().transport().set_observer(kept);
  s.idle.push_front(*kept);
  ++s.idle_count;
  ++idle_count_;
}

void Connections::retire(const Endpoint& endpoint, Nanos drain) {
  // Also where there is no connection now: an exchange that began before may still open one.
  Slot& s = slot(endpoint);
  s.idle.for_each([this](Connection& connection) { drop_idle(connection); });
  if (!s.retired) s.retire.arm(loop_, loop_.now() + drain);
  s.retired = true;
}

void Connections::keep(const Endpoint& endpoint) {
  if (endpoint.id() < slots_.size() && slots_[endpoint.id()] != nullptr) {
    slots_[endpoint.id()]->retire.disarm();
    slots_[endpoint.id()]->retired = false;
  }
}

}  // namespace sluice::upstream
