#include "sluice/net/transport.hpp"

#include "net/tls_call.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::net {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

bool blocked(int cause) { return cause == EAGAIN || cause == EWOULDBLOCK; }

// `call` until no signal interrupts it.
template <class F>
ssize_t retried(F&& call) {
  for (;;) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

Transport::Transport(Loop& loop, int fd, bool connecting)
    : loop_(loop), read_deadline_(&Transport::on_read_deadline, this), fd_(fd), may_write_(!connecting) {
  // No memory for the registration: dead on arrival, and every call says so.
  if (loop_.add(*this, fd_) != 0) hung_up_ = broken_ = true;
}

Transport::~Transport() {
  loop_.forget(*this);
  if (ssl_ != nullptr) SSL_free(ssl_);
  ::close(fd_);
}

bool Transport::Wait::await_ready() noexcept {
  if (transport.cancelled_ != ErrorKind::none) {
    result = transport.cancelled_;
    return true;
  }
  return transport.hung_up_ || (reading ? transport.may_read_ : transport.may_write_);
}

void Transport::Wait::await_suspend(std::coroutine_handle<> handle) noexcept {
  waiter.handle = handle;
  if (reading) {
    transport.reader_ = this;
    transport.read_deadline_.arm(transport.loop_, deadline);
  } else {
    transport.writer_ = this;
    auto& timer = transport.write_deadline_;
    if (timer == nullptr) timer = std::make_unique<Deadline>(&Transport::on_write_deadline, &transport);
    timer->arm(transport.loop_, deadline);
  }
}

Transport::Wait Transport::readable(Nanos deadline) { return {*this, deadline, true}; }
Transport::Wait Transport::writable(Nanos deadline) { return {*this, deadline, false}; }

void Transport::wake_reader() {
  if (reader_ == nullptr) return;
  read_deadline_.disarm();
  loop_.wake(std::exchange(reader_, nullptr)->waiter);
}

void Transport::wake_writer() {
  if (writer_ == nullptr) return;
  write_deadline_->disarm();
  loop_.wake(std::exchange(writer_, nullptr)->waiter);
}

void Transport::on_read_deadline(void* self) {
  auto& transport = *static_cast<Transport*>(self);
  if (transport.reader_ != nullptr) transport.reader_->result = ErrorKind::timed_out;
  transport.wake_reader();
}

void Transport::on_write_deadline(void* self) {
  auto& transport = *static_cast<Transport*>(self);
  if (transport.writer_ != nullptr) transport.writer_->result = ErrorKind::timed_out;
  transport.wake_writer();
}

void Transport::cancel(ErrorKind kind) {
  cancelled_ = kind;
  if (reader_ != nullptr) reader_->result = kind;
  if (writer_ != nullptr) writer_->result = kind;
  wake_reader();
  wake_writer();
}

void Transport::on_events(std::uint32_t events) {
  const bool dead = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (dead) hung_up_ = true;
  if ((events & EPOLLRDHUP) != 0) peer_closed_ = true;
  if (dead || (events & EPOLLOUT) != 0) {
    may_write_ = true;
    wake_writer();
  }
  if (!dead && (events & (EPOLLIN | EPOLLRDHUP)) == 0) return;
  may_read_ = true;
  if (reader_ != nullptr) {
    wake_reader();
  } else if (observer_ != nullptr) {
    observer_->on_activity(dead);
  }
}

IoResult Transport::read(std::span<char> into) {
  if (broken_) return {IoStatus::error, 0, EPIPE};
  return ssl_ != nullptr ? read_tls(into) : read_plain(into);
}

IoResult Transport::write(std::span<iovec>& pieces) {
  if (broken_) return {IoStatus::error, 0, EPIPE};
  return ssl_ != nullptr ? write_tls(pieces) : write_plain(pieces);
}

IoResult Transport::read_plain(std::span<char> into) {
  if (!may_read_ && !hung_up_) return {IoStatus::would_block};
  const ssize_t got = retried([&] { return ::recv(fd_, into.data(), into.size(), 0); });
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    // A short read emptied the socket, and what comes next raises a new edge. Not so a FIN that came
    // together with the bytes: its edge was the one we are answering.
    if (bytes < into.size() && !peer_closed_ && !hung_up_) may_read_ = false;
    return {IoStatus::ok, bytes};
  }
  if (got == 0) return {IoStatus::eof};
  if (!blocked(errno)) return {IoStatus::error, 0, errno};
  may_read_ = false;
  return {IoStatus::would_block};
}

namespace {

// Takes `bytes` off the front of `pieces`.
void consume(std::span<iovec>& pieces, std::size_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes != 0) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + bytes;
    pieces.front().iov_len -= bytes;
  }
}

}  // namespace

IoResult Transport::write_plain(std::span<iovec>& pieces, Push push) {
  const int flags = MSG_NOSIGNAL | (push == Push::with_next ? MSG_MORE : 0);
  std::size_t total = 0;
  while (!pieces.empty()) {
    if (!may_write_) return {IoStatus::would_block, total};
    ssize_t sent = 0;
    if (pieces.size() == 1) {
      sent = ::send(fd_, pieces.front().iov_base, pieces.front().iov_len, flags);
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
      sent = ::sendmsg(fd_, &message, flags);
    }
    if (sent >= 0) {
      total += static_cast<std::size_t>(sent);
      consume(pieces, static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (!blocked(errno)) return {IoStatus::error, total, errno};
    may_write_ = false;
  }
  return {IoStatus::ok, total};
}

// A short move says nothing of what is left in the socket: the pipe may have run out of room.
IoResult Transport::read_into(Pipe& pipe, std::size_t most) {
  if (!may_read_ && !hung_up_) return {IoStatus::would_block};
  const ssize_t got =
      retried([&] { return ::splice(fd_, nullptr, pipe.sink(), nullptr, most, kSpliceFlags); });
  if (got > 0) {
    pipe.added(static_cast<std::size_t>(got));
    return {IoStatus::ok, static_cast<std::size_t>(got)};
  }
  if (got == 0) return {IoStatus::eof};
  if (!blocked(errno)) return {IoStatus::error, 0, errno};
  may_read_ = false;
  return {IoStatus::would_block};
}

IoResult Transport::write_from(Pipe& pipe) {
  const std::size_t before = pipe.held();
  while (pipe.held() != 0) {
    if (!may_write_) return {IoStatus::would_block, before - pipe.held()};
    const ssize_t sent =
        retried([&] { return ::splice(pipe.source(), nullptr, fd_, nullptr, pipe.held(), kSpliceFlags); });
    if (sent >= 0) {
      pipe.taken(static_cast<std::size_t>(sent));
      continue;
    }
    if (!blocked(errno)) return {IoStatus::error, before - pipe.held(), errno};
    may_write_ = false;
  }
  return {IoStatus::ok, before};
}

Task<Error> Transport::write_all(std::span<iovec> pieces, Nanos stall) {
  for (;;) {
    const IoResult done = write(pieces);
    if (done.status == IoStatus::ok) co_return Error{};
    if (done.status == IoStatus::error) co_return Error{.kind = ErrorKind::reset, .cause = done.cause};
    const ErrorKind waited = co_await writable(loop_.now() + stall);
    if (waited != ErrorKind::none) co_return Error{waited};
  }
}

bool Transport::quiet() {
  if (hung_up_ || peer_closed_) return false;
  if (ssl_ != nullptr && may_read()) {
    // Session tickets come when they come, and are nothing to the owner.
    char byte = 0;
    if (read({&byte, 1}).status != IoStatus::would_block) return false;
  }
  if (may_read_) return false;
  char byte = 0;
  const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Transport::open() {
  if (hung_up_ || peer_closed_ || broken_) return false;
  char byte = 0;
  const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

std::size_t Transport::unsent() const {
  int bytes = 0;
  if (::ioctl(fd_, SIOCOUTQ, &bytes) != 0) return 0;
  return static_cast<std::size_t>(bytes) + (unsent_ != nullptr ? unsent_->size() : 0);
}

void Transport::shutdown_write() {
  if (ssl_ != nullptr && !broken_ && SSL_is_init_finished(ssl_) == 1) {
    tls_call([&] { return SSL_shutdown(ssl_); });
    flush_tls(Push::with_next);  // the FIN
  }
  ::shutdown(fd_, SHUT_WR);
}

void Transport::reset_on_close() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace sluice::net
