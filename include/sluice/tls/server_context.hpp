// The server side of TLS: one SSL_CTX for all certificates, so that ten thousand of them cost their own bytes
// and nothing more; the certificate is put into the connection when its server name is known.
#pragma once

#include "sluice/tls/certificate.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <shared_mutex>

#include <openssl/ssl.h>

namespace sluice::tls {

// Keys that seal session tickets (RFC 5077, RFC 8446 §4.6.1). One set per process, handed on from one
// configuration to the next, so that resumption survives reloads. The newest key seals; older ones open for
// as long as tickets live.
class TicketKeys {
 public:
  static constexpr long kLifetimeSeconds = 2 * 60 * 60;

  TicketKeys();
  // Every kLifetimeSeconds: a fresh key seals from now on, the oldest is forgotten.
  void rotate();

  // Wiped wherever a copy of it goes.
  struct Key {
    Key() = default;
    Key(const Key&) = default;
    Key& operator=(const Key&) = default;
    ~Key();
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  Key newest() const;
  // False when `name` is none of ours, or forgotten. `old`: the ticket should be renewed.
  bool find(const unsigned char* name, Key& out, bool& old) const;

 private:
  static Key make();
  mutable std::shared_mutex mutex_;
  std::array<Key, 3> keys_;  // newest first
};

// What a listener speaks under TLS; at least one of them.
struct Protocols {
  bool h2 = false;
  bool http1 = true;
};

// TLS 1.2 and 1.3, Mozilla's "intermediate" ciphers (version 5.7, without finite-field DH), no compression,
// no renegotiation, tickets, ALPN; server names are acknowledged. Aborts when OpenSSL refuses one of these:
// that is a broken build.
class ServerContext {
 public:
  ServerContext(std::shared_ptr<const CertificateIndex> certificates,
                std::shared_ptr<const TicketKeys> tickets);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // A connection in accept state; nullptr when out of memory. It keeps the context alive no longer than
  // OpenSSL needs it: the index must outlive the handshake.
  //
  // ALPN settles on one of `protocols`, h2 before http/1.1. A client that offers others only is refused with
  // no_application_protocol; one that offers nothing speaks HTTP/1, and is refused where that is not spoken.
  SSL* accept(Protocols protocols = {}) const;
  // Once a handshake of ours has succeeded: the certificate that the client verified, on this connection or,
  // when its session resumes, on the one where that began. Sessions resume only for names that are still
  // shown the same certificate.
  std::shared_ptr<const Identity> shown(SSL* ssl) const;
  const CertificateIndex& certificates() const { return *certificates_; }

 private:
  std::shared_ptr<const CertificateIndex> certificates_;
  std::shared_ptr<const TicketKeys> tickets_;
  SSL_CTX* context_;
};

}  // namespace sluice::tls
