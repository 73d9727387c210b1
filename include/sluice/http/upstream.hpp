// The server's side of an exchange, as the codec offers it to whoever asks: one request, one response,
// whatever wire they travel on. The counterpart of Downstream.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/exchange.hpp"

#include <string_view>

namespace sluice::http {

struct UpstreamLimits {
  Nanos first_byte = 0;  // from the last byte of the request to the first of the response
  Nanos body = 0;        // each wait while a body moves, either way
};

class Upstream {
 public:
  // Before each exchange.
  virtual void begin(const UpstreamLimits& limits) = 0;
  // Sends the head of exchange.request and what is here of its body. A body that turns out malformed before
  // anything was sent is reported with nothing sent. `default_host` stands in for an authority the client
  // did not name.
  virtual Task<Error> send(Exchange& exchange, std::string_view default_host) = 0;
  // Whether the request is out to its last byte.
  virtual bool sent_all() const = 0;
  // Sends the rest of the body. After a tunnel's end the server is told so.
  virtual Task<Error> upload(Exchange& exchange) = 0;
  // Reads exchange.response, passing interim responses to the client on the way, and points response_body at
  // the body. Status 101 only as the answer to exchange.request.upgrade.
  virtual Task<Error> receive(Exchange& exchange) = 0;
  // After receive(): the response's body may be silent for so long, if that is longer than
  // UpstreamLimits::body.
  virtual void allow_silence(Nanos longest) = 0;
  // Whether any byte of a response has come.
  virtual bool heard() const = 0;
  // Ends everything under way for this exchange with `kind`.
  virtual void cancel(ErrorKind kind) = 0;

 protected:
  ~Upstream() = default;
};

}  // namespace sluice::http
