#include "sluice/tls/server_context.hpp"

#include "tls/context.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace sluice::tls {
namespace {

constexpr const char* kGroups = "X25519:P-256:P-384";

// A context's own data. Contexts come and go with configurations; connections outlive them.
int index_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}
int tickets_slot() {
  static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}
// A connection's own: what its listener speaks, one of the kOffers.
int protocols_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

// A connection's own: the certificate of the session that it offered, when that may resume.
int resumed_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

const std::string_view& offer_of(Protocols protocols) {
  if (!protocols.h2) return kOfferHttp1;
  return protocols.http1 ? kOfferBoth : kOfferH2;
}
const std::string_view& offer_of(SSL* ssl) {
  return *static_cast<const std::string_view*>(SSL_get_ex_data(ssl, protocols_slot()));
}

// What a client is shown that asks for `name`, or for none.
const CertificateIndex::Choice& choice_for(SSL* ssl, std::string_view name) {
  const auto* index =
      static_cast<const CertificateIndex*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_slot()));
  char lowered[256];
  const std::size_t size = std::min(name.size(), sizeof lowered);
  std::transform(name.begin(), name.begin() + size, lowered, to_lower);
  const bool dot = size != 0 && lowered[size - 1] == '.';
  return *index->find({lowered, dot ? size - 1 : size});
}

std::string_view name_of(SSL* ssl) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? std::string_view(name) : std::string_view();
}

// Puts the certificates for the client's server name into its connection.
int choose_certificate(SSL* ssl, void* /*unused*/) {
  for (const Identity* identity : choice_for(ssl, name_of(ssl))) {
    // An empty chain would be copied all the same, for each connection.
    STACK_OF(X509)* chain = sk_X509_num(identity->chain.get()) > 0 ? identity->chain.get() : nullptr;
    if (SSL_use_cert_and_key(ssl, identity->leaf.get(), identity->key.get(), chain, 1) != 1) {
      ERR_clear_error();
      return 0;
    }
  }
  return 1;
}

// Any name may be asked for. Without this OpenSSL forgets it with the session (TLS 1.2).
int accept_name(SSL* /*ssl*/, int* /*alert*/, void* /*unused*/) { return SSL_TLSEXT_ERR_OK; }

// The certificate that the client verified, on this connection or where its session began.
const Identity* identity_of(SSL* ssl) {
  if (SSL_session_reused(ssl) == 1) return static_cast<const Identity*>(SSL_get_ex_data(ssl, resumed_slot()));
  const X509* leaf = SSL_get_certificate(ssl);
  for (const Identity* identity : choice_for(ssl, name_of(ssl))) {
    if (identity->leaf.get() == leaf) return identity;
  }
  return nullptr;
}

// A ticket carries which certificate its client verified.
int seal_session(SSL* ssl, void* /*unused*/) {
  const Identity* identity = identity_of(ssl);
  if (identity == nullptr) return 1;  // it will not be taken
  const Fingerprint& print = identity->fingerprint;
  return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), print.data(), print.size());
}

// The server name in the ClientHello that is being read: sessions are looked at before OpenSSL has come to
// it. Empty when there is none, or one that OpenSSL will refuse.
std::string_view name_in_hello(SSL* ssl) {
  constexpr std::size_t kBefore = 5;  // length of the list, type, length of the name
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 || size < kBefore)
    return {};
  const std::size_t length = std::size_t{bytes[3]} << 8 | bytes[4];
  if (bytes[2] != TLSEXT_NAMETYPE_host_name || length != size - kBefore) return {};
  return {reinterpret_cast<const char*>(bytes + kBefore), length};
}

// Among the certificates that the client would be shown now, the one that it verified when the session began.
// A session whose certificate was renewed, or gave its name to another, begins anew.
const Identity* identity_of(SSL* ssl, SSL_SESSION* session) {
  const std::string_view name = name_in_hello(ssl);
  if (SSL_version(ssl) < TLS1_3_VERSION) {  // RFC 6066 §3: for the same name only
    const char* first = SSL_SESSION_get0_hostname(session);
    if (!iequals(name, first != nullptr ? std::string_view(first) : std::string_view())) return nullptr;
  }
  void* sealed = nullptr;
  std::size_t size = 0;
  if (SSL_SESSION_get0_ticket_appdata(session, &sealed, &size) != 1) return nullptr;
  for (const Identity* identity : choice_for(ssl, name)) {
    const Fingerprint& print = identity->fingerprint;
    if (size == print.size() && std::memcmp(sealed, print.data(), size) == 0) return identity;
  }
  return nullptr;
}

SSL_TICKET_RETURN open_session(SSL* ssl, SSL_SESSION* session, const unsigned char* /*key*/,
                               std::size_t /*key_size*/, SSL_TICKET_STATUS status, void* /*unused*/) {
  const bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  const Identity* identity = opened ? identity_of(ssl, session) : nullptr;
  if (identity == nullptr || SSL_set_ex_data(ssl, resumed_slot(), const_cast<Identity*>(identity)) != 1)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// The first of ours that the client offers too.
int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  const std::string_view ours = offer_of(ssl);
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 §3.2: no_application_protocol
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// A client that offers nothing speaks HTTP/1, for HTTP/2 is never begun without ALPN (RFC 9113 §3.2): where
// only HTTP/2 is spoken, it is told now.
int demand_offer(SSL* ssl, int* alert, void* /*unused*/) {
  const unsigned char* offered = nullptr;
  std::size_t size = 0;
  const bool offers = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                                &offered, &size) == 1;
  if (offers || offer_of(ssl) != kOfferH2) return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

// OpenSSL's contract: -1 error, 0 do not use the ticket, 1 fine, 2 fine and send a new one.
int seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                 int sealing) {
  const auto* tickets =
      static_cast<const TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_slot()));
  TicketKeys::Key key{};
  bool old = false;
  if (sealing == 1) {
    key = tickets->newest();
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, 16) != 1) return -1;
  } else if (!tickets->find(name, key, old)) {
    return 0;
  }
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  // Looked up in OpenSSL's providers once, not for each ticket.
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const int ready = sealing == 1 ? EVP_EncryptInit_ex(cipher, aes, nullptr, key.cipher.data(), iv)
                                 : EVP_DecryptInit_ex(cipher, aes, nullptr, key.cipher.data(), iv);
  if (ready != 1 || EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  // In TLS 1.3 a ticket is for one connection, and each brings the next (RFC 8446 §C.4).
  return old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

}  // namespace

ServerContext::ServerContext(std::shared_ptr<const CertificateIndex> certificates,
                             std::shared_ptr<const TicketKeys> tickets)
    : certificates_(std::move(certificates)),
      tickets_(std::move(tickets)),
      context_(make_context(TLS_server_method())) {
  must(SSL_CTX_set_cipher_list(context_, kCiphers));
  must(static_cast<int>(SSL_CTX_set1_groups_list(context_, kGroups)));
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessionContext[] = "sluice";
  must(SSL_CTX_set_session_id_context(context_, kSessionContext, sizeof kSessionContext - 1));
  SSL_CTX_set_timeout(context_, TicketKeys::kLifetimeSeconds);
  // One for each connection, where OpenSSL would make two: each costs a twentieth of the handshake, and a
  // client that opens more connections gets one with each of them.
  must(SSL_CTX_set_num_tickets(context_, 1));
  must(SSL_CTX_set_ex_data(context_, index_slot(), const_cast<CertificateIndex*>(certificates_.get())));
  must(SSL_CTX_set_ex_data(context_, tickets_slot(), const_cast<TicketKeys*>(tickets_.get())));
  must(static_cast<int>(SSL_CTX_set_tlsext_ticket_key_evp_cb(context_, &seal_or_open)));
  must(SSL_CTX_set_session_ticket_cb(context_, &seal_session, &open_session, nullptr));
  // By the function behind OpenSSL's macro, which casts in the old style.
  must(static_cast<int>(SSL_CTX_callback_ctrl(context_, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                                              reinterpret_cast<void (*)()>(&accept_name))));
  SSL_CTX_set_cert_cb(context_, &choose_certificate, nullptr);
  SSL_CTX_set_client_hello_cb(context_, &demand_offer, nullptr);
  SSL_CTX_set_alpn_select_cb(context_, &choose_protocol, nullptr);
}

ServerContext::~ServerContext() { SSL_CTX_free(context_); }

SSL* ServerContext::accept(Protocols protocols) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  SSL_set_accept_state(ssl);
  if (SSL_set_ex_data(ssl, protocols_slot(), const_cast<std::string_view*>(&offer_of(protocols))) == 1)
    return ssl;
  SSL_free(ssl);
  return nullptr;
}

std::shared_ptr<const Identity> ServerContext::shown(SSL* ssl) const {
  const Identity* identity = identity_of(ssl);
  return identity != nullptr ? identity->shared_from_this() : nullptr;
}

}  // namespace sluice::tls
