// The one way into OpenSSL for bytes of a connection.
#pragma once

#include <utility>

#include <openssl/err.h>

namespace sluice::net {

// Calls it with this thread's queue of errors empty: SSL_get_error() takes what something else left there for
// an error of the connection at hand.
template <class Call>
int tls_call(Call&& call) {
  if (ERR_peek_error() != 0) ERR_clear_error();
  return std::forward<Call>(call)();
}

}  // namespace sluice::net
