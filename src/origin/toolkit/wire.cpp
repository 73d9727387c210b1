#include "origin/toolkit/wire.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace sluice::toolkit {
namespace {

constexpr std::array<unsigned char, 9> alpn_http11{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_http11(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                  unsigned in_length, void*) {
  // const_cast: OpenSSL's signature predates const; the list is not written to.
  const int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length, alpn_http11.data(),
                                           alpn_http11.size(), in, in_length);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SslContext make_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method));
  if (!context) throw std::runtime_error("TLS: " + ssl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Read-ahead takes a record's header and body in one system call instead of two.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  return context;
}

SslPtr make_ssl(SSL_CTX* context, int fd) {
  SslPtr ssl(SSL_new(context));
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) throw std::runtime_error("TLS: " + ssl_error());
  return ssl;
}

}  // namespace

void Wire::accept_tls(SSL_CTX* context) {
  ssl_ = make_ssl(context, fd_);
  SSL_set_accept_state(ssl_.get());
}

void Wire::connect_tls(SSL_CTX* context, const std::string& server_name) {
  ssl_ = make_ssl(context, fd_);
  // Host names only in the SNI extension (RFC 6066); the verified identity may be an address as well.
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), server_name.c_str()) != 1) {
    // SSL_set_tlsext_host_name(), without the C cast hidden in that macro.
    std::string name = server_name;
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    SSL_set1_host(ssl_.get(), server_name.c_str());
  }
  SSL_set_connect_state(ssl_.get());
}

IoStatus Wire::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  return returned == 1 ? IoStatus::done : tls_failure(returned);
}

IoResult Wire::discard(char* scratch, std::size_t scratch_size, std::size_t count) {
  if (ssl_) return tls_read(scratch, std::min(scratch_size, count));
  return result(::recv(fd_, nullptr, count, MSG_TRUNC));
}

IoResult Wire::tls_read(char* into, std::size_t room) {
  ERR_clear_error();
  std::size_t bytes = 0;
  const int returned = SSL_read_ex(ssl_.get(), into, room, &bytes);
  return returned == 1 ? IoResult{IoStatus::done, bytes} : IoResult{tls_failure(returned)};
}

IoResult Wire::tls_write(const char* from, std::size_t count) {
  ERR_clear_error();
  std::size_t bytes = 0;
  const int returned = SSL_write_ex(ssl_.get(), from, count, &bytes);
  return returned == 1 ? IoResult{IoStatus::done, bytes} : IoResult{tls_failure(returned)};
}

IoStatus Wire::tls_failure(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return IoStatus::again;
    case SSL_ERROR_ZERO_RETURN: return IoStatus::closed;
    default: return IoStatus::failed;
  }
}

void Wire::finish_writing() {
  if (ssl_) SSL_shutdown(ssl_.get());
  ::shutdown(fd_, SHUT_WR);
}

void Wire::close() {
  if (fd_ < 0) return;
  // Tells the peer that the end is meant. Without effect after an error or before the handshake ended.
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ssl_.reset();
  ::close(std::exchange(fd_, -1));
}

void Wire::reset() {
  if (fd_ < 0) return;
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ssl_.reset();
  ::close(std::exchange(fd_, -1));
}

SslContext make_server_context(const std::string& certificate, const std::string& key) {
  auto context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    throw std::runtime_error(fmt::format("{}: {}", certificate, ssl_error()));
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error(fmt::format("{}: {}", key, ssl_error()));
  SSL_CTX_set_alpn_select_cb(context.get(), select_http11, nullptr);
  return context;
}

SslContext make_client_context(bool verify, const std::string& ca_file, std::string_view alpn) {
  auto context = make_context(TLS_client_method());
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
  if (!verify) return context;
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                      : SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) == 1;
  if (!loaded) throw std::runtime_error(fmt::format("{}: {}", ca_file, ssl_error()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

std::string ssl_error() {
  std::array<char, 256> text{};
  const auto code = ERR_get_error();
  if (code == 0) return "unknown TLS error";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace sluice::toolkit
