#include "loadgen/connection.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>
#include <utility>

namespace sluice::bench {

using toolkit::IoStatus;

std::string_view name_of(Failure failure) {
  static constexpr std::array<std::string_view, failure_kinds> names{
      "connect", "tls", "reset", "closed", "timeout", "short_body", "protocol"};
  return names[static_cast<std::size_t>(failure)];
}

Connection::Progress Connection::open() {
  wire_ = toolkit::Wire(toolkit::start_connect(destination_->address));
  if (!wire_.is_open()) return fail_connect(errno);
  state_ = State::connecting;
  watches_writable_ = true;
  poller_->add(wire_.fd(), tag_, EPOLLIN | EPOLLOUT);
  return Progress::none;
}

Connection::Progress Connection::advance(std::uint32_t events, std::span<char> scratch) {
  switch (state_) {
    case State::closed: return Progress::none;
    case State::connecting: return finish_connect();
    case State::handshaking: return shake_hands();
    case State::ready: return look_at_idle(scratch);
    case State::exchange: break;
  }
  if ((events & EPOLLOUT) != 0 && watches_writable_)
    if (const auto progress = write_rest(); progress != Progress::none) return progress;
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) return receive(scratch);
  return Progress::none;
}

Connection::Progress Connection::finish_connect() {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(wire_.fd(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return fail_connect(error);
  if (!destination_->tls) return become_ready();
  wire_.connect_tls(destination_->tls, destination_->server_name);
  state_ = State::handshaking;
  want_writable(false);  // the handshake's few bytes always fit, so only reading can have to wait
  return shake_hands();
}

Connection::Progress Connection::shake_hands() {
  switch (wire_.handshake()) {
    case IoStatus::done: return become_ready();
    case IoStatus::again: return Progress::none;
    default: reason_ = toolkit::ssl_error(); return fail(Failure::tls);
  }
}

Connection::Progress Connection::become_ready() {
  state_ = State::ready;
  want_writable(false);
  return Progress::opened;
}

void Connection::want_writable(bool wanted) {
  if (watches_writable_ == wanted) return;
  watches_writable_ = wanted;
  poller_->modify(wire_.fd(), tag_, EPOLLIN | (wanted ? EPOLLOUT : 0U));
}

Connection::Progress Connection::send() {
  state_ = State::exchange;
  response_.start(requests_->is_head());
  std::string_view head = requests_->next();
  body_left_ = requests_->body();
  const auto result = wire_.write(head.data(), head.size(), !body_left_.empty());
  if (result.status == IoStatus::done) head.remove_prefix(result.bytes);
  if (result.status == IoStatus::closed || result.status == IoStatus::failed) return fail(Failure::reset);
  if (head.empty() && body_left_.empty()) return Progress::none;  // as good as always
  unsent_ = head;
  return write_rest();
}

Connection::Progress Connection::write_rest() {
  std::string_view head = unsent_;
  bool blocked = false;
  while (!blocked && (!head.empty() || !body_left_.empty())) {
    std::string_view& part = head.empty() ? body_left_ : head;
    const auto result =
        wire_.write(part.data(), part.size(), head.data() == part.data() && !body_left_.empty());
    // A server may answer and close without reading the body: what it said is still to be read.
    if (result.status == IoStatus::failed || result.status == IoStatus::closed) {
      body_left_ = {};
      head = {};
      break;
    }
    blocked = result.status == IoStatus::again;
    part.remove_prefix(result.bytes);
  }
  unsent_ = std::string(head);
  want_writable(blocked);
  return Progress::none;
}

Connection::Progress Connection::receive(std::span<char> scratch) {
  constexpr std::uint64_t worth_discarding = 64 * toolkit::KiB;
  constexpr std::uint64_t discard_at_once = toolkit::MiB;
  for (;;) {
    const auto known = response_.discardable();
    const bool unseen = known >= worth_discarding;
    const auto result = unseen
                            ? wire_.discard(scratch.data(), scratch.size(), std::min(known, discard_at_once))
                            : wire_.read(scratch.data(), scratch.size());
    if (result.status == IoStatus::again) return Progress::none;
    if (result.status != IoStatus::done) return end_of_stream(result.status == IoStatus::closed);
    bytes_received_ += result.bytes;
    if (unseen) {
      response_.discarded(result.bytes);
      if (response_.done()) return finish_answer(false);
    } else if (const auto progress = take({scratch.data(), result.bytes}); progress != Progress::none) {
      return progress;
    }
    // What else the socket holds, the next wait reports; what TLS has already taken from it, nobody would.
    // Inside a large body TLS, which reads a record at a time, goes on at once: there is nearly always
    // another.
    const bool amid_records = wire_.is_tls() && response_.discardable() >= worth_discarding;
    if (!amid_records && !wire_.has_buffered()) return Progress::none;
  }
}

Connection::Progress Connection::take(std::string_view input) {
  response_.feed(input);
  if (response_.broken()) return fail(Failure::protocol);
  return response_.done() ? finish_answer(!input.empty()) : Progress::none;
}

Connection::Progress Connection::finish_answer(bool surplus) {
  if (surplus) return fail(Failure::protocol);
  // Answered before the request was sent whole: nothing can follow on this connection.
  const bool sent = unsent_.empty() && body_left_.empty();
  if (response_.keeps_alive() && sent)
    state_ = State::ready;
  else
    close();
  return Progress::answered;
}

Connection::Progress Connection::end_of_stream(bool properly) {
  if (response_.has_head()) {
    if (properly) response_.end_of_stream();
    return response_.done() ? finish_answer(false) : fail(Failure::short_body);
  }
  return fail(properly ? Failure::closed : Failure::reset);
}

// On a connection without a request the server may close, and TLS may deliver session tickets; bytes of HTTP
// have no business here.
Connection::Progress Connection::look_at_idle(std::span<char> scratch) {
  if (wire_.read(scratch.data(), scratch.size()).status == IoStatus::again) return Progress::none;
  close();
  return Progress::lost;
}

Connection::Progress Connection::fail(Failure failure) {
  abandon(failure);
  return Progress::failed;
}

Connection::Progress Connection::fail_connect(int error) {
  reason_ = std::strerror(error);
  return fail(Failure::connect);
}

void Connection::abandon(Failure failure) {
  failure_ = failure;
  close();
}

void Connection::close() {
  wire_.close();
  unsent_.clear();
  body_left_ = {};
  state_ = State::closed;
}

}  // namespace sluice::bench
