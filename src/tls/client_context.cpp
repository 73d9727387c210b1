#include "sluice/tls/client_context.hpp"

#include "tls/context.hpp"
#include "tls/pem.hpp"

#include <mutex>
#include <string_view>
#include <unordered_map>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace sluice::tls {
namespace {

using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;

// The last session with each server. Belongs to the SSL_CTX: connections outlive their configuration, and
// under TLS 1.3 sessions come at any time.
//
// What is kept and what is handed out are copies, for OpenSSL writes to the session of a connection: one that
// ends without close_notify makes its session useless.
class Sessions {
 public:
  void put(const std::string& server, const SSL_SESSION* session) {
    SessionPtr copy(SSL_SESSION_dup(session));
    if (copy == nullptr) return;
    const std::lock_guard lock(mutex_);
    // Any of them may go: what is lost is one short handshake.
    if (sessions_.size() >= kMost && !sessions_.contains(server)) sessions_.erase(sessions_.begin());
    sessions_[server] = std::move(copy);
  }

  // Empty when there is none.
  SessionPtr get(const std::string& server) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(server);
    return SessionPtr(found == sessions_.end() ? nullptr : SSL_SESSION_dup(found->second.get()));
  }

 private:
  static constexpr std::size_t kMost = 256;
  std::mutex mutex_;
  std::unordered_map<std::string, SessionPtr> sessions_;
};

void free_sessions(void* /*context*/, void* sessions, CRYPTO_EX_DATA* /*all*/, int /*slot*/, long /*number*/,
                   void* /*user*/) {
  delete static_cast<Sessions*>(sessions);
}
void free_server(void* /*ssl*/, void* server, CRYPTO_EX_DATA* /*all*/, int /*slot*/, long /*number*/,
                 void* /*user*/) {
  delete static_cast<std::string*>(server);
}
int sessions_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_sessions);
  return slot;
}
// A connection's server, as Sessions tells them apart.
int server_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_server);
  return slot;
}

Sessions& sessions_of(SSL_CTX* context) {
  return *static_cast<Sessions*>(SSL_CTX_get_ex_data(context, sessions_slot()));
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  const auto* server = static_cast<const std::string*>(SSL_get_ex_data(ssl, server_slot()));
  if (server != nullptr) sessions_of(SSL_get_SSL_CTX(ssl)).put(*server, session);
  return 0;  // OpenSSL's reference stays OpenSSL's
}

bool trust(SSL_CTX* context, const std::string& ca_file, std::string& error) {
  if (ca_file.empty()) {
    must(SSL_CTX_set_default_verify_paths(context));
    return true;
  }
  // Who names the certificate of a server or of an intermediate authority trusts that one.
  must(X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN));
  KnownCertificates known;
  const std::vector<X509Ptr> trusted = read_certificates(ca_file, Wanted::authority, known, error);
  for (const X509Ptr& each : trusted)
    must(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each.get()));
  return !trusted.empty();
}

void offer(SSL_CTX* context, std::string_view protocols) {
  // Of all calls to OpenSSL this one answers 0 for success.
  must(SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                               static_cast<unsigned>(protocols.size())) == 0
           ? 1
           : 0);
}

// By the function behind OpenSSL's macro, which casts in the old style.
bool ask_for(SSL* ssl, const std::string& name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(name.c_str())) == 1;
}

// RFC 9525: no name in the subject, and wildcards only for whole labels.
bool verify_name(SSL* ssl, const std::string& name) {
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set1_host(ssl, name.c_str()) == 1;
}

bool verify_address(SSL* ssl, const std::string& ip) {
  return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), ip.c_str()) == 1;
}

bool remember(SSL* ssl, const std::string& server) {
  auto kept = std::make_unique<std::string>(server);
  if (SSL_set_ex_data(ssl, server_slot(), kept.get()) != 1) return false;
  static_cast<void>(kept.release());  // the connection's from now on
  return true;
}

}  // namespace

std::shared_ptr<const ClientContext> ClientContext::make(const ClientSettings& settings, std::string& error) {
  ContextPtr context(make_context(TLS_client_method()));
  if (!trust(context.get(), settings.ca_file, error)) return nullptr;
  SSL_CTX_set_verify(context.get(), settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (settings.h2) must(SSL_CTX_set_cipher_list(context.get(), kCiphers));
  offer(context.get(), settings.h2 ? kOfferH2 : kOfferHttp1);
  must(SSL_CTX_set_ex_data(context.get(), sessions_slot(), new Sessions));
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), &keep_session);
  return std::shared_ptr<const ClientContext>(new ClientContext(context.release(), settings.verify));
}

ClientContext::~ClientContext() { SSL_CTX_free(context_); }

SSL* ClientContext::connect(const std::string& server_name, const SocketAddress& address) const {
  SslPtr ssl(SSL_new(context_));
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl.get());
  const bool by_address = server_name.empty() || IpAddress::parse(server_name);
  const std::string name = server_name.empty() ? address.ip_text() : server_name;
  const bool asked = by_address || ask_for(ssl.get(), name);
  const bool verified =
      !verify_ || (by_address ? verify_address(ssl.get(), name) : verify_name(ssl.get(), name));
  const std::string server = name + '\n' + address.text();
  if (!asked || !verified || !remember(ssl.get(), server)) {
    ERR_clear_error();
    return nullptr;
  }
  const SessionPtr session = sessions_of(context_).get(server);
  if (session != nullptr) SSL_set_session(ssl.get(), session.get());
  return ssl.release();
}

}  // namespace sluice::tls
