// One non-blocking connection, plain or TLS, that never waits: whoever owns the event loop does. Shared by
// the origin (coroutines) and the load generator (state machines), for what differs between them is only the
// waiting.
#pragma once

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <openssl/ssl.h>

namespace sluice::toolkit {

enum class IoStatus : unsigned char {
  done,    // bytes moved
  again,   // nothing now: wait for readiness
  closed,  // the peer ended its direction properly (FIN, and close_notify on TLS)
  failed,  // reset, broken TLS, or a TLS stream cut without close_notify
};

struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
};

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;
using SslContext = std::unique_ptr<SSL_CTX, SslFree>;

class Wire {
 public:
  Wire() = default;
  explicit Wire(int fd) : fd_(fd) {}
  Wire(Wire&& other) noexcept : fd_(std::exchange(other.fd_, -1)), ssl_(std::move(other.ssl_)) {}
  Wire& operator=(Wire&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(ssl_, other.ssl_);
    return *this;
  }
  ~Wire() { close(); }

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  bool is_tls() const { return ssl_ != nullptr; }
  SSL* ssl() const { return ssl_.get(); }

  // Wraps the socket in TLS; the handshake follows with handshake(). `context` must outlive the wire.
  void accept_tls(SSL_CTX* context);
  void connect_tls(SSL_CTX* context, const std::string& server_name);
  IoStatus handshake();

  IoResult read(char* into, std::size_t room) {
    if (ssl_) return tls_read(into, room);
    return result(::recv(fd_, into, room, 0));
  }

  // Reads and throws away up to `count` bytes; on a plain socket the kernel does not even copy them.
  IoResult discard(char* scratch, std::size_t scratch_size, std::size_t count);

  // May write less than asked. `more` says that further bytes follow at once, so that a head and the body
  // behind it can share a segment.
  IoResult write(const char* from, std::size_t count, bool more = false) {
    if (ssl_) return tls_write(from, count);
    const auto n = ::send(fd_, from, count, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    return n >= 0 ? IoResult{IoStatus::done, static_cast<std::size_t>(n)} : failure();
  }

  // TLS has taken bytes from the socket that the next read will return without the socket becoming readable.
  bool has_buffered() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

  // Ends our direction and keeps reading possible.
  void finish_writing();

  void close();

  // Closes with a RST instead of a FIN.
  void reset();

 private:
  static IoResult failure() {
    return {errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? IoStatus::again : IoStatus::failed};
  }
  static IoResult result(ssize_t n) {
    if (n > 0) return {IoStatus::done, static_cast<std::size_t>(n)};
    return n == 0 ? IoResult{IoStatus::closed} : failure();
  }
  IoResult tls_read(char* into, std::size_t room);
  IoResult tls_write(const char* from, std::size_t count);
  IoStatus tls_failure(int returned);

  int fd_ = -1;
  SslPtr ssl_;
};

// Both throw std::runtime_error that names the file. `alpn` is the client's list as RFC 7301 has it: each
// name behind its length.
SslContext make_server_context(const std::string& certificate, const std::string& key);
SslContext make_client_context(bool verify, const std::string& ca_file, std::string_view alpn);

// OpenSSL's oldest complaint on this thread, in words.
std::string ssl_error();

}  // namespace sluice::toolkit
