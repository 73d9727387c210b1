// HTTP/2 towards clients: RFC 9113, with extensible priorities (RFC 9218) and extended CONNECT (RFC 8441).
// Each stream is an exchange like any other; docs/http2.md says what is refused, and when a connection is
// ended for what it costs.
#pragma once

#include "sluice/http/service.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace sluice::http2 {

class ServerSession;

class ServerConnection : public http::Connection {
 public:
  ServerConnection(std::unique_ptr<net::Transport> transport, http::Service& service, std::string peer_ip,
                   std::uint32_t listener);
  ~ServerConnection() override;

  void run() override;
  // GOAWAY twice: the first asks the client to open no more streams, the second, a round trip later, names
  // the last one that counts (RFC 9113 §6.8).
  void drain() override;
  void abort() override;

 private:
  std::unique_ptr<ServerSession> session_;
};

}  // namespace sluice::http2
