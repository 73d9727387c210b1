#include "loadgen/connection.hpp"

#include "loadgen/http1.hpp"
#include "loadgen/http2.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <utility>

namespace sluice::bench {
namespace {

using toolkit::IoStatus;

// Whether it is this machine that could not, rather than the server.
bool is_local(int error) {
  return error == EADDRNOTAVAIL || error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Connection::Connection(Surroundings& around, std::uint32_t tag, std::uint32_t number)
    : around_(around), tag_(tag), number_(number) {}

void Connection::open() {
  wire_ = toolkit::Wire(toolkit::start_connect(around_.address, around_.options.receive_buffer()));
  if (!wire_.is_open())
    return fail_open(is_local(errno) ? Failure::local : Failure::connect, std::strerror(errno));
  outbox_.emplace(wire_);
  state_ = State::connecting;
  watches_readable_ = watches_writable_ = true;
  around_.poller.add(wire_.fd(), tag_, EPOLLIN | EPOLLOUT);
}

void Connection::request(Token token, const Ask& ask) {
  if (state_ == State::open) {
    protocol_->send(token, ask);
    if (!around_.options.http2) settle();
    return;
  }
  waiting_.push_back({token, ask});
  if (state_ == State::closed) open();
}

void Connection::flush() {
  if (state_ != State::open) return;
  protocol_->flush();
  settle();
}

void Connection::cancel(Token token, Failure failure) {
  if (state_ != State::open) return give_up(failure);
  protocol_->cancel(token, failure);
  flush();
}

void Connection::give_up(Failure failure) {
  if (state_ == State::connecting || state_ == State::handshaking) fail_open(failure, {});
}

void Connection::advance(std::uint32_t events) {
  switch (state_) {
    case State::closed: return;
    case State::connecting: return finish_connect();
    case State::handshaking: return shake_hands();
    case State::open: break;
  }
  if ((events & EPOLLOUT) != 0 && watches_writable_) flush();
  const bool readable = (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
  if (readable && state_ == State::open && !resume_at_) receive();
}

void Connection::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(wire_.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return fail_open(is_local(error) ? Failure::local : Failure::connect, std::strerror(error));
  if (!around_.tls) return become_open();
  around_.tls->start(wire_, server_name());
  state_ = State::handshaking;
  watch(true, false);  // the handshake's few bytes always fit, so only reading can have to wait
  shake_hands();
}

// The tenant whose request opens the connection; without one, the tenants in turn.
std::string Connection::server_name() const {
  const auto& options = around_.options;
  if (!options.server_name.empty()) return options.server_name;
  const std::string& host =
      waiting_.empty() ? *around_.catalogue.at(number_).host : *waiting_.front().ask.host;
  return options.names_hosts() ? std::string(without_port(host)) : options.url.host;
}

void Connection::shake_hands() {
  switch (wire_.handshake()) {
    case IoStatus::again: return;
    case IoStatus::done: break;
    default: return fail_open(Failure::tls, toolkit::ssl_error());
  }
  if (!around_.tls->agreed(wire_))
    return fail_open(Failure::tls, "the server did not agree to this version of HTTP");
  become_open();
}

void Connection::become_open() {
  const auto& options = around_.options;
  state_ = State::open;
  watch(true, false);
  if (options.http2)
    protocol_ = std::make_unique<Http2>(*outbox_, *this, options.keep_alive, options.streams,
                                        options.stream_window());
  else
    protocol_ = std::make_unique<Http1>(*outbox_, *this, options.keep_alive);
  around_.observer->opened(*this);
  for (const auto& [token, ask] : std::exchange(waiting_, {}))
    protocol_->send(token, ask);
  flush();
}

void Connection::receive() {
  constexpr std::uint64_t worth_discarding = 64 * toolkit::KiB;
  constexpr std::uint64_t discard_at_once = toolkit::MiB;
  const bool slow = around_.options.read_rate > 0;
  for (;;) {
    const auto known = protocol_->discardable();
    const auto how = protocol_->in_flight() == 0 ? Observer::Closed::lost : Observer::Closed::orderly;
    const bool unseen = known >= worth_discarding && !slow;
    const auto result = unseen ? wire_.discard(around_.scratch.data(), around_.scratch.size(),
                                               std::min(known, discard_at_once))
                               : wire_.read(around_.scratch.data(), room());
    if (result.status == IoStatus::again) return settle();
    if (result.status != IoStatus::done) {
      protocol_->end(result.status == IoStatus::closed);
      return close(how);
    }
    around_.bytes_received += result.bytes;
    if (unseen)
      protocol_->discarded(result.bytes);
    else
      protocol_->receive({around_.scratch.data(), result.bytes});
    if (slow) pause(result.bytes);
    // What else the socket holds, the next wait reports; what TLS has already taken from it, nobody would.
    // Inside a large body TLS, which reads a record at a time, goes on at once: there is nearly always
    // another.
    const bool amid_records = wire_.is_tls() && protocol_->discardable() >= worth_discarding;
    const bool go_on = !slow && !is_done() && (amid_records || wire_.has_buffered());
    if (!go_on) {
      if (around_.options.http2) protocol_->flush();  // acknowledgements, window updates
      return settle(how);
    }
  }
}

std::size_t Connection::room() const {
  constexpr std::uint64_t reads_per_second = 20;
  const auto rate = around_.options.read_rate;
  if (rate == 0) return around_.scratch.size();
  return std::clamp<std::size_t>(rate / reads_per_second, 1, around_.scratch.size());
}

void Connection::pause(std::size_t bytes) {
  resume_at_ = now() + bytes * per_second / around_.options.read_rate;
  watch(false, watches_writable_);
}

void Connection::resume() {
  resume_at_.reset();
  if (state_ != State::open) return;
  watch(true, watches_writable_);
  receive();
}

void Connection::settle(Observer::Closed how) {
  if (is_done()) return close(how);
  watch(watches_readable_, !outbox_->empty());
}

void Connection::watch(bool readable, bool writable) {
  if (watches_readable_ == readable && watches_writable_ == writable) return;
  watches_readable_ = readable;
  watches_writable_ = writable;
  around_.poller.modify(wire_.fd(), tag_, (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U));
}

void Connection::fail_open(Failure failure, std::string reason) {
  failure_ = failure;
  reason_ = std::move(reason);
  const auto waiting = std::exchange(waiting_, {});
  wire_.close();
  outbox_.reset();
  state_ = State::closed;
  for (const auto& request : waiting)
    around_.observer->finished(*this, request.token, {failure});
  around_.observer->closed(*this, Observer::Closed::failed);
}

void Connection::close(Observer::Closed how) {
  wire_.close();
  state_ = State::closed;
  resume_at_.reset();
  protocol_.reset();
  outbox_.reset();
  around_.observer->closed(*this, how);
}

}  // namespace sluice::bench
