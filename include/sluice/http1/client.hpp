// HTTP/1.1 towards an upstream: one connection, one exchange at a time.
#pragma once

#include "sluice/base/buffer.hpp"
#include "sluice/http/exchange.hpp"
#include "sluice/http1/head.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice::http1 {

class BodyReader;
class Outbox;

struct ClientLimits {
  Nanos first_byte = 0;  // from the last byte of the request to the first of the response
  Nanos body = 0;        // each wait while a body moves, either way
};

class ClientConnection {
 public:
  explicit ClientConnection(std::unique_ptr<net::Transport> transport);
  ~ClientConnection();

  net::Transport& transport() { return *transport_; }

  // Before each exchange.
  void begin(const ClientLimits& limits);

  // Writes the head of exchange.request and what is here of its body. A body that turns out malformed before
  // anything was written is reported with nothing written.
  Task<Error> send(http::Exchange& exchange, std::string_view default_host);
  // Whether the request is out to its last byte.
  bool sent_all() const { return sent_all_; }
  // Writes the rest of the body. After a tunnel's end the upstream gets a FIN.
  Task<Error> upload(http::Exchange& exchange);

  // Reads exchange.response, passing interim responses to the client on the way, and points response_body at
  // the body. Status 101 only as the answer to exchange.request.upgrade.
  Task<Error> receive(http::Exchange& exchange);
  // Whether any byte of a response has come.
  bool heard() const { return heard_; }

  // Whether the connection may serve another exchange: both messages complete, nothing left over.
  bool reusable() const;
  // Between exchanges: an idle connection holds no buffer.
  void rest() { in_.release(); }
  // Seconds the upstream said it keeps an unused connection (Keep-Alive: timeout=N), 0 if it did not say.
  std::uint32_t advertised_idle() const { return advertised_idle_; }

  // Ends everything under way on this connection with `kind`.
  void cancel(ErrorKind kind) { transport_->cancel(kind); }

 private:
  http::BodyStep gather(http::Exchange& exchange, Outbox& out);
  Task<Error> receive_head(http::Exchange& exchange);
  Error accept_head(http::Exchange& exchange, std::size_t size);
  Error check_switch(const http::Exchange& exchange) const;
  Task<Error> pass_interim(http::Exchange& exchange);

  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<BodyReader> body_;
  Buffer in_;
  ClientLimits limits_;
  Nanos last_sent_ = 0;
  std::uint32_t advertised_idle_ = 0;
  http::Framing sending_ = http::Framing::none;
  bool sent_all_ = false;
  bool heard_ = false;
  bool keep_alive_ = false;
  bool tunnel_ = false;
  bool failed_ = false;
};

}  // namespace sluice::http1
