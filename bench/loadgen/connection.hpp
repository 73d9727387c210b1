// One client connection: opens, sends a request, reads the answer, and says how it went.
//
// Knows nothing of schedules and statistics; whoever drives it passes the events in and takes the outcome.
#pragma once

#include "loadgen/clock.hpp"
#include "loadgen/poller.hpp"
#include "loadgen/request.hpp"
#include "loadgen/response.hpp"
#include "origin/toolkit/socket.hpp"
#include "origin/toolkit/wire.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

// Why a request has no proper answer.
enum class Failure : unsigned char {
  connect,     // no TCP connection
  tls,         // no TLS on it
  reset,       // broken before the answer's head was complete
  closed,      // ended properly, but without an answer
  timeout,     // no complete answer in time
  short_body,  // ended or broken within the answer's body
  protocol,    // not HTTP/1.1, or more than was asked for
};
constexpr std::size_t failure_kinds = 7;
std::string_view name_of(Failure failure);

// What all connections of a run have in common.
struct Destination {
  toolkit::Address address;
  SSL_CTX* tls = nullptr;
  std::string server_name;
};

class Connection {
 public:
  enum class Progress {
    none,
    opened,    // ready for its first request
    answered,  // the response is complete: status()
    failed,    // the request, or the opening, came to nothing: failure(); the connection is closed
    lost,      // closed by the server while no request was on it
  };

  // `tag` is this connection's in the poller.
  Connection(Poller& poller, const Destination& destination, Requests& requests, std::uint32_t tag)
      : poller_(&poller), destination_(&destination), requests_(&requests), tag_(tag) {}

  // Starts to open. Progress::none or failed.
  Progress open();
  // Sends the next request; the connection must be ready(). Progress::none or failed.
  Progress send();
  // Takes the events of the poller. `scratch` is where bytes are read to.
  Progress advance(std::uint32_t events, std::span<char> scratch);
  // Gives up on what is in flight.
  void abandon(Failure failure);
  void close();

  bool ready() const { return state_ == State::ready; }
  bool is_closed() const { return state_ == State::closed; }
  bool is_opening() const { return state_ == State::connecting || state_ == State::handshaking; }
  bool is_waiting() const { return state_ == State::exchange; }
  Failure failure() const { return failure_; }
  // What the system said about a connection that could not be opened.
  const std::string& reason() const { return reason_; }
  unsigned status() const { return response_.status(); }
  std::uint64_t bytes_received() const { return bytes_received_; }
  const toolkit::Wire& wire() const { return wire_; }

 private:
  enum class State : unsigned char { closed, connecting, handshaking, ready, exchange };

  Progress finish_connect();
  Progress shake_hands();
  Progress become_ready();
  Progress write_rest();
  Progress receive(std::span<char> scratch);
  Progress take(std::string_view input);
  Progress finish_answer(bool surplus);
  Progress end_of_stream(bool properly);
  Progress look_at_idle(std::span<char> scratch);
  Progress fail(Failure failure);
  Progress fail_connect(int error);
  void want_writable(bool wanted);

  Poller* poller_;
  const Destination* destination_;
  Requests* requests_;
  std::uint32_t tag_;
  State state_ = State::closed;
  Failure failure_ = Failure::connect;
  std::string reason_;
  bool watches_writable_ = false;
  toolkit::Wire wire_;
  ResponseReader response_;
  std::string unsent_;          // of the request's head
  std::string_view body_left_;  // of its body
  std::uint64_t bytes_received_ = 0;
};

}  // namespace sluice::bench
