#include "loadgen/tls.hpp"

#include <string_view>

namespace sluice::bench {
namespace {

constexpr std::string_view alpn_http1 = "\x08http/1.1";
constexpr std::string_view alpn_http2 = "\x02h2";

}  // namespace

TlsClient::TlsClient(const TargetOptions& options)
    : context_(toolkit::make_client_context(options.verify, options.ca_file,
                                            options.http2 ? alpn_http2 : alpn_http1)),
      resume_(options.resume),
      http2_(options.http2) {
  if (!resume_) {
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
    return;
  }
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), keep_session);
}

void TlsClient::start(toolkit::Wire& wire, const std::string& server_name) {
  wire.connect_tls(context_.get(), server_name);
  if (!resume_) return;
  auto& sessions = sessions_[server_name];
  SSL_set_ex_data(wire.ssl(), 0, &sessions);
  if (sessions.empty()) return;
  // The last is kept until a newer one has come: better used twice than a full handshake. A copy, for OpenSSL
  // spoils a session once its connection has ended.
  const Session used(SSL_SESSION_dup(sessions.back().get()));
  SSL_set_session(wire.ssl(), used.get());
  if (sessions.size() > 1) sessions.pop_back();
}

bool TlsClient::agreed(const toolkit::Wire& wire) const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(wire.ssl(), &name, &length);
  const std::string_view selected(reinterpret_cast<const char*>(name), length);
  return http2_ ? selected == alpn_http2.substr(1) : selected.empty() || selected == alpn_http1.substr(1);
}

int TlsClient::keep_session(SSL* ssl, SSL_SESSION* session) {
  constexpr std::size_t most = 256;
  auto& sessions = *static_cast<Sessions*>(SSL_get_ex_data(ssl, 0));
  if (sessions.size() >= most) sessions.erase(sessions.begin());
  sessions.emplace_back(session);
  return 1;  // the session is ours now
}

}  // namespace sluice::bench
