// The client side of TLS: what connections to the servers of one pool have in common.
#pragma once

#include "sluice/base/address.hpp"

#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace sluice::tls {

struct ClientSettings {
  bool verify = true;   // the server's certificate, and that it is for the name or address asked for
  std::string ca_file;  // PEM; all of it is trusted, roots or not. Empty: what the system trusts
  bool h2 = false;      // what ALPN offers: h2 alone, or http/1.1 alone
};

// TLS 1.2 and 1.3, no compression, no renegotiation; sessions resume. Immutable to its users; every call may
// come from any thread.
class ClientContext {
 public:
  // Empty, with `error` set, when the CA file cannot be read, or holds no certificate or a damaged one.
  static std::shared_ptr<const ClientContext> make(const ClientSettings& settings, std::string& error);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  // A connection in connect state, which may outlive this context. `server_name` is asked for and verified;
  // where it is empty, the IP address is verified and nothing asked for. nullptr when out of memory, and when
  // there is nothing to verify: a unix socket without a name.
  //
  // What the server chose is Transport::protocol(); a server without ALPN chooses nothing, which is for the
  // caller to judge.
  SSL* connect(const std::string& server_name, const SocketAddress& address) const;

 private:
  ClientContext(SSL_CTX* context, bool verify) : context_(context), verify_(verify) {}
  SSL_CTX* context_;
  bool verify_;
};

}  // namespace sluice::tls
