// Answers an exchange by asking an application server: picks one, passes the request on, passes the response
// back; tries another when the first one refuses.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/upstream/endpoint.hpp"
#include "sluice/upstream/pool.hpp"

#include <cstdint>
#include <memory>

namespace sluice::upstream {
class Balancer;
}

namespace sluice::handler {

// What happened between us and the servers; for the access log and the counters.
struct ForwardAccount {
  std::shared_ptr<upstream::Endpoint> endpoint;  // the last one asked; empty: none was
  std::uint8_t attempts = 0;
  Nanos connect = 0;     // spent opening connections
  Nanos first_byte = 0;  // from the request's last attempt to the response head
  Nanos queued = 0;      // spent waiting for a server with room
};

// `balancer` is used until a response head is there, and not after `tunnel_opened(context)`: a tunnel may
// last for days, and must not hold what it was configured by.
struct ForwardTarget {
  upstream::Balancer& balancer;
  upstream::Connections& connections;
  upstream::Limits limits;
  void (*tunnel_opened)(void* context);
  void* context;
};

// Sees to it that the client is answered: by the server, or with the reason why not. The request's fields are
// already those to be forwarded. `exchange.response` has been passed through drop_hop_by_hop when it is sent.
Task<void> forward(http::Exchange& exchange, const ForwardTarget& target, ForwardAccount& account);

}  // namespace sluice::handler
