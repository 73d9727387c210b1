// TLS over a Transport. OpenSSL reads the socket through a BIO of ours, so that one recv() of all there is
// serves several records, and writes into a buffer of the thread, so that all records of one write() leave in
// one send(). What the kernel does not take is kept as ciphertext: SSL_write never has to be repeated.
#include "sluice/net/transport.hpp"

#include "net/tls_call.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>

namespace sluice::net {
namespace {

constexpr std::size_t kRecord = 16 * 1024;      // TLS's largest plaintext, RFC 8446 §5.1
constexpr std::size_t kPerWrite = 4 * kRecord;  // ciphertext gathered for one send: bounds what can be unsent

// Records of the write under way on this thread; empty between calls.
thread_local std::string staged;

}  // namespace

struct Transport::Bio {
  static Transport& self(BIO* bio) { return *static_cast<Transport*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    Transport& transport = self(bio);
    BIO_clear_retry_flags(bio);
    const IoResult got = transport.read_plain({into, static_cast<std::size_t>(size)});
    if (got.status == IoStatus::ok) {
      if (transport.clear_text_ != nullptr && transport.speaks_clear_text(into, got.bytes)) return -1;
      return static_cast<int>(got.bytes);
    }
    if (got.status == IoStatus::would_block) BIO_set_retry_read(bio);
    errno = got.cause;
    return got.status == IoStatus::eof ? 0 : -1;
  }

  static int write(BIO* /*bio*/, const char* from, int size) {
    staged.append(from, static_cast<std::size_t>(size));
    return size;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*data*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice transport");
      BIO_meth_set_read(m, &Bio::read);
      BIO_meth_set_write(m, &Bio::write);
      BIO_meth_set_ctrl(m, &Bio::control);
      return m;
    }();
    return made;
  }
};

void Transport::start_tls(SSL* ssl) {
  ssl_ = ssl;
  BIO* bio = BIO_new(Bio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

std::string_view Transport::tls_version() const {
  return ssl_ != nullptr ? std::string_view(SSL_get_version(ssl_)) : std::string_view();
}

std::string_view Transport::server_name() const {
  const char* name = ssl_ != nullptr ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? std::string_view(name) : std::string_view();
}

std::string_view Transport::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (ssl_ != nullptr) SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool Transport::flush_tls(Push push) {
  if (unsent_ != nullptr && !unsent_->empty()) {
    unsent_->append(staged);
    staged.clear();
  }
  const bool old = unsent_ != nullptr && !unsent_->empty();
  std::string& bytes = old ? *unsent_ : staged;
  if (bytes.empty()) return true;
  iovec piece{bytes.data(), bytes.size()};
  std::span<iovec> pieces(&piece, 1);
  const IoResult sent = write_plain(pieces, push);
  if (sent.status == IoStatus::error) {
    broken_ = true;
    staged.clear();
    unsent_.reset();
    return true;
  }
  bytes.erase(0, sent.bytes);
  if (!old && !bytes.empty()) {
    if (unsent_ == nullptr) unsent_ = std::make_unique<std::string>();
    unsent_->swap(bytes);
  }
  if (old && bytes.empty()) unsent_.reset();
  return sent.status == IoStatus::ok;
}

IoResult Transport::tls_failure(int result) {
  const int saved = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return {IoStatus::would_block};
    case SSL_ERROR_ZERO_RETURN: return {IoStatus::eof};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      return {IoStatus::error, 0, saved};
    default:
      // A FIN without close_notify comes here too (SSL_R_UNEXPECTED_EOF_WHILE_READING): cut, not ended.
      broken_ = true;
      ERR_clear_error();
      return {IoStatus::error, 0, EPROTO};
  }
}

// OpenSSL may hold what the socket no longer does: records read ahead, or the peer's close_notify.
bool Transport::tls_may_read() const {
  return ssl_ != nullptr &&
         (SSL_has_pending(ssl_) == 1 || (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0);
}

// TLS answers some records by itself (key updates, refused renegotiation). A peer that asks for more and more
// of that and reads none of it is ended.
IoResult Transport::read_tls(std::span<char> into) {
  std::size_t total = 0;
  // As many records as are there: one pass of the caller then moves them all.
  while (total < into.size()) {
    if (!may_read()) break;
    std::size_t got = 0;
    const int result =
        tls_call([&] { return SSL_read_ex(ssl_, into.data() + total, into.size() - total, &got); });
    if (!staged.empty() && !flush_tls() && unsent_->size() > kPerWrite) broken_ = true;  // see below
    if (broken_) return {IoStatus::error, 0, EPROTO};
    if (result != 1) {
      const IoResult failure = tls_failure(result);
      if (total != 0) break;  // it will come again with the next call
      return failure;
    }
    total += got;
  }
  return {total != 0 ? IoStatus::ok : IoStatus::would_block, total};
}

IoResult Transport::write_tls(std::span<iovec>& pieces) {
  if (!flush_tls()) return {IoStatus::would_block};
  thread_local std::array<char, kRecord> plain;
  std::size_t total = 0;
  while (!pieces.empty()) {
    if (staged.size() >= kPerWrite && !flush_tls()) return {IoStatus::would_block, total};
    if (broken_) return {IoStatus::error, total, EPIPE};
    // One record holds as many pieces as fit, so that a head and a short body cost one.
    const char* from = static_cast<const char*>(pieces.front().iov_base);
    std::size_t size = std::min(pieces.front().iov_len, kRecord);
    if (size < kRecord && pieces.size() > 1) {
      size = 0;
      for (const iovec& piece : pieces) {
        const std::size_t part = std::min(piece.iov_len, kRecord - size);
        std::memcpy(plain.data() + size, piece.iov_base, part);
        size += part;
        if (size == kRecord) break;
      }
      from = plain.data();
    }
    std::size_t written = 0;
    const int result = size == 0 ? 1 : tls_call([&] { return SSL_write_ex(ssl_, from, size, &written); });
    if (result != 1) {
      const IoResult failure = tls_failure(result);
      staged.clear();
      broken_ = true;
      return {IoStatus::error, total, failure.cause};
    }
    total += written;
    while (!pieces.empty() && written >= pieces.front().iov_len) {
      written -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (written != 0) {
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + written;
      pieces.front().iov_len -= written;
    }
  }
  if (!flush_tls()) return {IoStatus::would_block, total};
  return broken_ ? IoResult{IoStatus::error, total, EPIPE} : IoResult{IoStatus::ok, total};
}

// The handshake of TLS 1.3 leaves the server with tickets to send. Most clients send their first bytes right
// behind the Finished: if these are here, the answer will follow, or the settings of HTTP/2, and the tickets
// may go with them. If not, they go at once, for they carry the acknowledgement that a client under Nagle's
// algorithm waits for before it says anything.
Transport::Push Transport::push_of_tickets() {
  if (staged.empty() || SSL_is_server(ssl_) != 1 || SSL_version(ssl_) != TLS1_3_VERSION) return Push::now;
  may_read_ = true;  // the read before emptied the socket, but that was a while ago
  char byte = 0;
  std::size_t got = 0;
  const int result = tls_call([&] { return SSL_peek_ex(ssl_, &byte, 1, &got); });
  if (result == 1) return Push::with_next;
  tls_failure(result);  // what it finds comes again with the first read
  return Push::now;
}

// The first bytes of a client, before OpenSSL has them.
bool Transport::speaks_clear_text(const char* bytes, std::size_t size) {
  std::string* const into = std::exchange(clear_text_, nullptr);
  if (bytes[0] < 'A' || bytes[0] > 'Z') return false;
  into->assign(bytes, size);
  return true;
}

void Transport::end_tls() {
  SSL_free(std::exchange(ssl_, nullptr));
  staged.clear();
  broken_ = false;
}

Task<Error> Transport::handshake(Nanos deadline, std::string* clear_text) {
  clear_text_ = clear_text;
  for (;;) {
    const int result = tls_call([&] { return SSL_do_handshake(ssl_); });
    if (clear_text != nullptr && !clear_text->empty()) {
      end_tls();
      co_return Error{ErrorKind::tls_failed, Side::downstream};
    }
    const IoResult failure = result == 1 ? IoResult{IoStatus::ok} : tls_failure(result);
    const bool sent = flush_tls(result == 1 ? push_of_tickets() : Push::now);
    if (failure.status == IoStatus::ok && sent) co_return Error{};
    if (failure.status == IoStatus::ok) {
      std::span<iovec> nothing;
      const Error error = co_await write_all(nothing, deadline - loop_.now());
      co_return error ? Error{.kind = ErrorKind::tls_failed, .cause = error.cause} : Error{};
    }
    if (failure.status != IoStatus::would_block || broken_) {
      co_return Error{.kind = ErrorKind::tls_failed, .cause = failure.cause};
    }
    const ErrorKind waited = sent ? co_await readable(deadline) : co_await writable(deadline);
    if (waited != ErrorKind::none) co_return Error{waited};
  }
}

}  // namespace sluice::net
