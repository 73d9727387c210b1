// HTTP/2 towards servers: one connection, many exchanges at a time.
#pragma once

#include "sluice/http/upstream.hpp"
#include "sluice/net/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice::http2 {

class ClientConnection;
class ClientSession;

// One exchange on it. When it is destroyed before its end the server is told that nobody waits any more.
class ClientStream : public http::Upstream {
 public:
  virtual ~ClientStream() = default;
};

// Who keeps the connection.
class ClientOwner {
 public:
  // The server's settings are here: streams may be opened. Or will never be: the next call is ended().
  virtual void ready(ClientConnection& connection) = 0;
  // A stream has ended; the connection may be without any now.
  virtual void released(ClientConnection& connection) = 0;
  // The connection is over; to be destroyed by this call.
  virtual void ended(ClientConnection& connection) = 0;

 protected:
  ~ClientOwner() = default;
};

class ClientConnection {
 public:
  ClientConnection(std::unique_ptr<net::Transport> transport, ClientOwner& owner);
  ~ClientConnection();

  // Returns at the first wait. `stall`: the longest wait for the server to take what we send.
  void run();

  net::Transport& transport();
  // Whether another stream may be opened: the server has said its settings and no GOAWAY, and has not more
  // streams open than it allows, nor than kMostStreams.
  bool available() const;
  bool is_ready() const;
  // Streams that exist.
  std::size_t active() const;
  std::unique_ptr<ClientStream> open();

  // No further stream; ends when those open have.
  void drain();
  // Everything under way ends now with `kind`.
  void cancel(ErrorKind kind);

  // How many streams the server allows, kMostStreams at most.
  std::size_t most() const;

  static constexpr std::size_t kMostStreams = 100;

 private:
  std::unique_ptr<ClientSession> session_;
};

}  // namespace sluice::http2
