// TLS of one thread: trust, application protocol, and the sessions that may be resumed.
#pragma once

#include "loadgen/options.hpp"
#include "origin/toolkit/wire.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::bench {

class TlsClient {
 public:
  // Throws std::runtime_error.
  explicit TlsClient(const TargetOptions& options);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Wraps a connected socket, asking for `server_name`; with a session for that name, if one is to be
  // resumed.
  void start(toolkit::Wire& wire, const std::string& server_name);

  // After the handshake: whether the protocol asked for was agreed on. A server without ALPN speaks HTTP/1.1.
  bool agreed(const toolkit::Wire& wire) const;

 private:
  struct Free {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  using Session = std::unique_ptr<SSL_SESSION, Free>;
  // Of one name, the newest last. TLS 1.3's tickets are meant to be used once (RFC 8446, C.4), so all are
  // kept that may be needed at a time.
  using Sessions = std::vector<Session>;

  static int keep_session(SSL* ssl, SSL_SESSION* session);

  toolkit::SslContext context_;
  bool resume_;
  bool http2_;
  std::unordered_map<std::string, Sessions> sessions_;
};

}  // namespace sluice::bench
