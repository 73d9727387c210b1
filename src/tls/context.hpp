// What both sides of TLS have in common.
#pragma once

#include <string_view>

#include <openssl/ssl.h>

namespace sluice::tls {

// ALPN's lists, each name behind its length.
inline constexpr std::string_view kOfferH2 = "\x02h2";
inline constexpr std::string_view kOfferHttp1 = "\x08http/1.1";
inline constexpr std::string_view kOfferBoth = "\x02h2\x08http/1.1";

// Mozilla's "intermediate" ciphers of TLS 1.2 (version 5.7, without finite-field DH). RFC 9113 §9.2.2 allows
// each of them.
extern const char* const kCiphers;

// Aborts where OpenSSL refuses what it must know: that is a broken build.
void must(int result);

// TLS 1.2 and 1.3, no compression, no renegotiation, and buffers as net::Transport needs them: given back
// when idle, written from where the caller has its bytes.
SSL_CTX* make_context(const SSL_METHOD* method);

}  // namespace sluice::tls
