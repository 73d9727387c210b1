// One request and its response, whatever wire they travel on. A codec embeds the exchange, fills the request
// and drains the response; what happens between is the same for every codec.
//
// Lives on one worker. Reset and used again for the next request of a connection.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/body.hpp"
#include "sluice/http/message.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http {

// The client's side of an exchange, as the codec offers it to whoever answers.
class Downstream {
 public:
  // Sends a 1xx other than 101. Dropped for HTTP/1.0 clients.
  virtual Task<Error> interim(const ResponseHead& head) = 0;
  // Sends Exchange::response and then Exchange::response_body to its end. Called once. An error means that
  // the client got less than the whole message and can see that.
  virtual Task<Error> respond() = 0;
  // The request asked for an upgrade and gets it (status 101): from now on the request body is whatever the
  // client sends, until it ends. Before respond().
  virtual BodySource& open_tunnel() = 0;
  // Whether respond() has sent anything, so that no other answer can be given.
  virtual bool responding() const = 0;
  // The connection ends after this response, and the response says so where the protocol can.
  virtual void close_after() = 0;
  // Calls `cancel(context)` when the client is gone for good (reset; not a mere half-close) while nobody
  // reads from it. nullptr ends that.
  using Cancel = void (*)(void* context);
  virtual void on_gone(Cancel cancel, void* context) = 0;

 protected:
  ~Downstream() = default;
};

// Who asks, through what: set by the codec and the connection before the pipeline runs.
struct Origin {
  std::string_view peer_ip;      // text of the connection's remote address
  bool trusted_peer = false;     // the peer may speak for others (trusted_proxies)
  bool secure = false;           // the connection is under TLS
  std::string_view sni;          // server name of the handshake, if any
  std::uint32_t listener = 0;    // the listener's slot in its worker
  std::string_view tls_version;  // "TLSv1.3"; empty without TLS
};

// What is told about an exchange when it is over.
struct Account {
  Nanos started = 0;            // first byte of the request
  std::uint64_t bytes_in = 0;   // body bytes received from the client
  std::uint64_t bytes_out = 0;  // body bytes sent to the client
  std::string_view error;       // RFC 9209 error type when Sluice made the answer or cut it; else empty
};

struct Exchange {
  Arena arena;
  RequestHead request;
  BodySource* request_body = nullptr;  // nullptr: no body
  ResponseHead response;
  BodySource* response_body = nullptr;  // nullptr: no body
  Downstream* downstream = nullptr;
  Origin origin;
  Account account;

  // Found out by the pipeline.
  std::string_view client_ip;  // the peer's, or what a trusted peer says
  std::string_view request_id;
  std::string_view tenant;  // empty: none
  // A field name only Sluice may set (the tenant header); a client's, also in trailers, is not forwarded.
  std::string_view own_field;

  TextBody text_body;  // storage for answers made here

  void reset() {
    arena.reset();
    request.clear();
    response.clear();
    request_body = response_body = nullptr;
    origin = {};
    account = {};
    client_ip = request_id = tenant = own_field = {};
    text_body = TextBody{};
  }
};

}  // namespace sluice::http
