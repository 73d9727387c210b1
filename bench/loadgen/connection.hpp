// One client connection: opens when a request needs it, carries requests, and says how they went.
//
// Knows nothing of schedules and statistics; whoever drives it passes the events in and hears of the
// outcomes.
#pragma once

#include "loadgen/clock.hpp"
#include "loadgen/outbox.hpp"
#include "loadgen/poller.hpp"
#include "loadgen/protocol.hpp"
#include "loadgen/tls.hpp"
#include "origin/toolkit/socket.hpp"
#include "origin/toolkit/wire.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sluice::bench {

class Connection;

// Hears what becomes of connections. Must not call back into the connection.
class Observer {
 public:
  virtual void opened(const Connection& connection) = 0;
  virtual void finished(const Connection& connection, Token token, const Outcome& outcome) = 0;
  enum class Closed {
    orderly,  // by us, or with requests on it
    lost,     // by the server while no request was on it
    failed,   // before it was open: connection.failure(), connection.reason()
  };
  // After every request on it has finished.
  virtual void closed(const Connection& connection, Closed how) = 0;

 protected:
  ~Observer() = default;
};

// What the connections of one thread share.
struct Surroundings {
  Poller& poller;
  const TargetOptions& options;
  const Catalogue& catalogue;
  toolkit::Address address;
  TlsClient* tls;           // null: plain
  std::span<char> scratch;  // where bytes are read to
  Observer* observer;       // may change between events
  std::uint64_t bytes_received = 0;
};

class Connection final : public Protocol::Listener {
 public:
  // `tag` is this connection's in the poller, `number` its place among all of the run's.
  Connection(Surroundings& around, std::uint32_t tag, std::uint32_t number);

  void open();
  // Whether a request may be given to it now.
  bool accepts() const { return protocol_ ? protocol_->accepts() : true; }
  // Takes a request, opening the connection first if need be. HTTP/2 sends it with flush().
  void request(Token token, const Ask& ask);
  void flush();
  // Gives up on a request, or on opening.
  void cancel(Token token, Failure failure);
  void give_up(Failure failure);

  // Takes the events of the poller.
  void advance(std::uint32_t events);
  // A slow reader reads again; due when resume_at() has come.
  void resume();
  std::optional<Nanoseconds> resume_at() const { return resume_at_; }

  std::uint32_t tag() const { return tag_; }
  bool is_open() const { return state_ == State::open; }
  bool is_closed() const { return state_ == State::closed; }
  bool resumed_session() const { return wire_.is_tls() && SSL_session_reused(wire_.ssl()) == 1; }
  bool is_tls() const { return wire_.is_tls(); }
  Failure failure() const { return failure_; }
  // What the system said about a connection that could not be opened.
  const std::string& reason() const { return reason_; }

 private:
  enum class State : unsigned char { closed, connecting, handshaking, open };
  struct Waiting {
    Token token;
    Ask ask;
  };

  void finished(Token token, const Outcome& outcome) override {
    around_.observer->finished(*this, token, outcome);
  }
  std::string server_name() const;
  void finish_connect();
  void shake_hands();
  void become_open();
  void receive();
  std::size_t room() const;
  void pause(std::size_t bytes);
  bool is_done() const { return protocol_->over() && protocol_->in_flight() == 0; }
  // Closes when nothing can follow, else waits for what the outbox needs.
  void settle(Observer::Closed how = Observer::Closed::orderly);
  void watch(bool readable, bool writable);
  void fail_open(Failure failure, std::string reason);
  void close(Observer::Closed how);

  Surroundings& around_;
  std::uint32_t tag_;
  std::uint32_t number_;
  State state_ = State::closed;
  bool watches_readable_ = false;
  bool watches_writable_ = false;
  Failure failure_ = Failure::connect;
  std::optional<Nanoseconds> resume_at_;
  toolkit::Wire wire_;
  std::optional<Outbox> outbox_;
  std::unique_ptr<Protocol> protocol_;
  std::vector<Waiting> waiting_;  // for the connection to open
  std::string reason_;
};

}  // namespace sluice::bench
