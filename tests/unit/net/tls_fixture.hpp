// Two transports of one loop with TLS between them, or a transport with a bare OpenSSL peer.
#pragma once

#include "sluice/net/transport.hpp"
#include "sluice/tls/server_context.hpp"

#include "unit/net/loop_fixture.hpp"
#include "unit/tls/certificates.hpp"

#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace sluice::test {

using ContextPtr = std::unique_ptr<SSL_CTX, tls::Freer<SSL_CTX_free>>;

// The product's own server context, with one certificate made once.
inline const tls::ServerContext& server_context() {
  static const tls::ServerContext context = [] {
    auto index = std::make_shared<tls::CertificateIndex>();
    index->add(make_identity({"localhost"}));
    return tls::ServerContext(std::move(index), std::make_shared<tls::TicketKeys>());
  }();
  return context;
}

// A client that trusts anybody.
inline ContextPtr client_context(int version) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

struct TlsEnds {
  explicit TlsEnds(int version = TLS1_3_VERSION, int buffer_bytes = 0,
                   const tls::ServerContext& serving = server_context())
      : pair(buffer_bytes), context(client_context(version)) {
    server = std::make_unique<net::Transport>(loop, pair.take_first(), false);
    client = std::make_unique<net::Transport>(loop, pair.take_second(), false);
    server->start_tls(serving.accept());
    SSL* ssl = SSL_new(context.get());
    SSL_set_connect_state(ssl);
    client->start_tls(ssl);
  }

  Nanos soon() const { return loop.now() + 5 * kSecond; }

  // Both ends at once; false when either fails.
  Task<bool> handshake() {
    Error server_error;
    bool server_done = false;
    const auto serve = [&]() -> Task<void> {
      server_error = co_await server->handshake(soon());
      server_done = true;
    };
    start(serve());
    const Error client_error = co_await client->handshake(soon());
    while (!server_done)
      co_await loop.yield();
    co_return !server_error && !client_error;
  }

  net::Loop loop;
  SocketPair pair;
  ContextPtr context;
  std::unique_ptr<net::Transport> server;
  std::unique_ptr<net::Transport> client;
};

inline Task<Error> send_text(net::Transport& transport, std::string text) {
  iovec piece{text.data(), text.size()};
  co_return co_await transport.write_all({&piece, 1}, 5 * kSecond);
}

// Reads until `size` bytes are there or something else happens, which `end` tells.
inline Task<std::string> receive_text(net::Transport& transport, std::size_t size, std::size_t at_once,
                                      net::IoStatus& end, Nanos limit = 5 * kSecond) {
  std::string out;
  std::string piece(at_once, '\0');
  end = net::IoStatus::ok;
  while (out.size() < size) {
    const net::IoResult got = transport.read(piece);
    out.append(piece, 0, got.bytes);
    if (got.status == net::IoStatus::ok) continue;
    end = got.status;
    if (got.status != net::IoStatus::would_block) break;
    const ErrorKind waited = co_await transport.readable(transport.loop().now() + limit);
    if (waited != ErrorKind::none) break;
    end = net::IoStatus::ok;
  }
  co_return out;
}

}  // namespace sluice::test
