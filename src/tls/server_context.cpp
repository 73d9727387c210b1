#include "sluice/tls/server_context.hpp"

#include "tls/context.hpp"

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

const std::string_view& offer_of(Protocols protocols) {
  if (!protocols.h2) return kOfferHttp1;
  return protocols.http1 ? kOfferBoth : kOfferH2;
}
const std::string_view& offer_of(SSL* ssl) {
  return *static_cast<const std::string_view*>(SSL_get_ex_data(ssl, protocols_slot()));
}

// Puts the certificates for the client's server name into its connection.
int choose_certificate(SSL* ssl, void* /*unused*/) {
  const auto* index =
      static_cast<const CertificateIndex*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_slot()));
  char lowered[256];
  std::size_t size = 0;
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) {
    for (; name[size] != '\0' && size < sizeof lowered; ++size)
      lowered[size] = to_lower(name[size]);
  }
  if (size != 0 && lowered[size - 1] == '.') --size;
  for (const Identity* identity : *index->find({lowered, size})) {
    // An empty chain would be copied all the same, for each connection.
    STACK_OF(X509)* chain = sk_X509_num(identity->chain.get()) > 0 ? identity->chain.get() : nullptr;
    if (SSL_use_cert_and_key(ssl, identity->leaf.get(), identity->key.get(), chain, 1) != 1) {
      ERR_clear_error();
      return 0;
    }
  }
  return 1;
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

}  // namespace sluice::tls
