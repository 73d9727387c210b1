#include "origin/stream.hpp"

#include "origin/toolkit/socket.hpp"
#include "origin/toolkit/units.hpp"

#include <chrono>
#include <cstring>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

namespace sluice::origin {

using toolkit::IoStatus;
using namespace std::chrono_literals;

Stream::Stream(Loop& loop, int fd, SSL_CTX* tls) : loop_(loop), wire_(fd) {
  toolkit::set_no_delay(fd);
  if (tls) wire_.accept_tls(tls);
  loop.watch_connection(fd, *this);
}

void Stream::on_events(std::uint32_t events) {
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) hung_up_ = true;
  if (events & EPOLLIN || hung_up_) readable_ = true;
  if (const auto waiter = std::exchange(waiter_, {})) waiter.resume();
}

Task<> Stream::handshake() {
  for (;;) {
    const auto status = wire_.handshake();
    if (status == IoStatus::done) co_return;
    if (status != IoStatus::again) throw PeerGone{};
    co_await event();
  }
}

void Stream::make_room(std::size_t room) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ >= room) return;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (buffer_.size() < end_ + room) buffer_.resize(end_ + room);
}

Stream::Fill Stream::try_fill(std::size_t room) {
  if (!readable_) return Fill::again;
  make_room(room);
  const auto result = wire_.read(buffer_.data() + end_, room);
  switch (result.status) {
    case IoStatus::done:
      end_ += result.bytes;
      // A short read has emptied the socket: the next try would only cost a system call. TLS reads are short
      // at every record's end, and say nothing.
      if (result.bytes < room && !hung_up_ && !is_tls()) readable_ = false;
      return Fill::got;
    case IoStatus::again: readable_ = false; return Fill::again;
    case IoStatus::closed: return Fill::closed;
    case IoStatus::failed: break;
  }
  throw PeerGone{};
}

Task<bool> Stream::fill(std::size_t room) {
  for (;;) {
    const auto result = try_fill(room);
    if (result != Fill::again) co_return result == Fill::got;
    co_await event();
  }
}

bool Stream::try_write(std::string_view& data, bool more) {
  while (!data.empty()) {
    const auto result = wire_.write(data.data(), data.size(), more);
    if (result.status == IoStatus::again) return false;
    if (result.status != IoStatus::done) throw PeerGone{};
    data.remove_prefix(result.bytes);
  }
  return true;
}

Task<> Stream::write(std::string_view data, bool more) {
  while (!try_write(data, more))
    co_await event();
}

Task<> Stream::swallow() {
  bool more = true;  // g++ 12 miscompiles co_await in the condition of a loop
  while (more) {
    consume(input().size());
    more = co_await fill();
  }
}

Task<> Stream::drain() {
  for (int tries = 0; tries < 1000; ++tries) {
    int unacknowledged = 0;
    if (::ioctl(wire_.fd(), SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0) co_return;
    co_await loop_.sleep(1ms);
  }
}

Task<> Stream::close_gently() {
  constexpr auto patience = 1s;
  constexpr auto step = 5ms;
  wire_.finish_writing();
  for (auto waited = 0ms; waited < patience; waited += step) {
    consume(input().size());
    const auto result = try_fill(64 * toolkit::KiB);
    if (result == Fill::closed) co_return;
    if (result == Fill::again) co_await loop_.sleep(step);
  }
}

}  // namespace sluice::origin
