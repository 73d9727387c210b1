#include "sluice/http2/client.hpp"

#include "http2/client_exchange.hpp"
#include "http2/client_session.hpp"

#include <utility>

namespace sluice::http2 {

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport, ClientOwner& owner)
    : session_(std::make_unique<ClientSession>(std::move(transport), *this, owner)) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::run() { session_->run(); }
net::Transport& ClientConnection::transport() { return session_->transport(); }
bool ClientConnection::available() const { return session_->available(); }
bool ClientConnection::is_ready() const { return session_->is_ready(); }
std::size_t ClientConnection::most() const { return session_->most(); }
std::size_t ClientConnection::active() const { return session_->active(); }
void ClientConnection::drain() { session_->drain(); }
void ClientConnection::cancel(ErrorKind kind) { session_->fail({kind, Side::upstream}); }

std::unique_ptr<ClientStream> ClientConnection::open() {
  session_->promise();
  return std::make_unique<ClientExchange>(*session_);
}

}  // namespace sluice::http2
