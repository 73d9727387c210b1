#include "sluice/http2/server.hpp"

#include "http2/server_session.hpp"

#include <utility>

namespace sluice::http2 {

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport, http::Service& service,
                                   std::string peer_ip, std::uint32_t listener)
    : Connection(std::move(peer_ip), listener),
      session_(std::make_unique<ServerSession>(std::move(transport), *this, service)) {}

ServerConnection::~ServerConnection() = default;

void ServerConnection::run() { session_->run(); }
void ServerConnection::drain() { session_->drain(); }
void ServerConnection::abort() { session_->fail({ErrorKind::cancelled, Side::internal}); }

}  // namespace sluice::http2
