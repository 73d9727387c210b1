// One connection's bytes, TCP or unix socket, in the clear or under TLS: the only place that knows the
// difference.
//
// Calls without "await" never block: they do what can be done now and say `would_block` for the rest. The two
// directions are independent; each may have one waiter. An idle transport owns no buffer: plain bytes go
// straight to the caller's memory, and OpenSSL gives its own back (SSL_MODE_RELEASE_BUFFERS).
//
// Ownership: owns the descriptor and the SSL object. Must be destroyed on the loop's thread, with no waiter.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/pipe.hpp"
#include "sluice/base/task.hpp"
#include "sluice/net/loop.hpp"

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/uio.h>

#include <openssl/ssl.h>

namespace sluice::net {

enum class IoStatus : std::uint8_t {
  ok,           // `bytes` were moved, at least one
  would_block,  // `bytes` were moved, perhaps none; wait before the next try
  eof,          // orderly end of the peer's bytes (FIN; under TLS also close_notify)
  error,        // the connection is of no use any more
};

struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
  int cause = 0;
};

// Learns of events on a transport nobody reads from at the moment.
class TransportObserver {
 public:
  // `hung_up`: both directions are dead (RST, or closed both ways); otherwise bytes or a FIN arrived.
  // May destroy the transport.
  virtual void on_activity(bool hung_up) = 0;

 protected:
  ~TransportObserver() = default;
};

class Transport final : private Pollable {
 public:
  // Takes over `fd`, a non-blocking stream socket. `connecting`: connect() is still under way.
  Transport(Loop& loop, int fd, bool connecting);
  ~Transport() override;

  Loop& loop() const { return loop_; }
  int fd() const { return fd_; }

  // From now on bytes pass through `ssl`, which is taken over; SSL_set_accept_state or
  // SSL_set_connect_state have been called. Errors of the peer's TLS surface as IoStatus::error.
  void start_tls(SSL* ssl);
  SSL* ssl() const { return ssl_; }
  // What the handshake settled; empty in the clear, or when the peer said nothing of it.
  std::string_view tls_version() const;
  std::string_view server_name() const;
  std::string_view protocol() const;  // ALPN
  // Ends when the handshake is done; kind none means it succeeded. On a server `clear_text`, where it is
  // given, takes the first bytes of a client that begins with a capital letter, as HTTP in the clear does and
  // TLS never: then the handshake has failed, and the transport is one in the clear from now on.
  Task<Error> handshake(Nanos deadline, std::string* clear_text = nullptr);

  IoResult read(std::span<char> into);
  // Whether a read may find something: bytes, an end, or TLS records read ahead.
  bool may_read() const { return may_read_ || hung_up_ || broken_ || tls_may_read(); }
  // Gathers; consumes the pieces as they are taken. `would_block` until everything was handed to the kernel.
  IoResult write(std::span<iovec>& pieces);
  // The same two without a copy, through the kernel, in the clear only: at most `most` bytes into an empty
  // pipe, and what a pipe holds out of it. The process must ignore SIGPIPE: splice() has no MSG_NOSIGNAL.
  IoResult read_into(Pipe& pipe, std::size_t most);
  IoResult write_from(Pipe& pipe);
  // Waits as long as it takes to write all; `stall` is the limit for each wait, not for the whole.
  Task<Error> write_all(std::span<iovec> pieces, Nanos stall);

  struct [[nodiscard]] Wait;
  // co_await: none once a read (or write) may make progress, timed_out, or the kind given to cancel().
  Wait readable(Nanos deadline);
  Wait writable(Nanos deadline);

  // The reader and the writer, present and future, get `kind`. The descriptor stays open.
  void cancel(ErrorKind kind);
  // Makes the reader look again, as if something had come. Unlike cancel() it leaves nothing behind.
  void nudge() { wake_reader(); }
  bool cancelled() const { return cancelled_ != ErrorKind::none; }

  void set_observer(TransportObserver* observer) { observer_ = observer; }
  // Both directions died. Sticky.
  bool hung_up() const { return hung_up_; }
  // The peer's FIN was seen by epoll; unread bytes may still be there.
  bool peer_closed() const { return peer_closed_; }
  // Asks the kernel, once: nothing unread, no FIN, no error. For a pooled connection before it is used.
  bool quiet();
  // The same, but bytes may have come: for connections on which the peer speaks when it likes.
  bool open();

  // Bytes written that the peer has not acknowledged yet (on a unix socket: not read).
  std::size_t unsent() const;

  // FIN (under TLS close_notify before it), reading goes on.
  void shutdown_write();
  // Destruction sends RST: for a message whose end can be told only by the end of the connection.
  void reset_on_close();

 private:
  struct Bio;  // OpenSSL's view of this transport
  friend struct Bio;

  // Whether bytes may wait in the kernel for those that are about to follow, to share a packet with them. It
  // waits for 200 ms at most.
  enum class Push : std::uint8_t { now, with_next };

  void on_events(std::uint32_t events) override;
  IoResult read_plain(std::span<char> into);
  IoResult write_plain(std::span<iovec>& pieces, Push push = Push::now);
  IoResult read_tls(std::span<char> into);
  IoResult write_tls(std::span<iovec>& pieces);
  bool flush_tls(Push push = Push::now);  // false: bytes are left that the kernel did not take
  Push push_of_tickets();
  bool tls_may_read() const;
  IoResult tls_failure(int result);
  bool speaks_clear_text(const char* bytes, std::size_t size);
  void end_tls();
  void wake_reader();
  void wake_writer();
  static void on_read_deadline(void* self);
  static void on_write_deadline(void* self);

  Loop& loop_;
  SSL* ssl_ = nullptr;
  TransportObserver* observer_ = nullptr;
  Wait* reader_ = nullptr;
  Wait* writer_ = nullptr;
  std::unique_ptr<std::string> unsent_;  // TLS records the kernel did not take yet
  std::string* clear_text_ = nullptr;    // of handshake(), until the first bytes are here
  Deadline read_deadline_;
  std::unique_ptr<Deadline> write_deadline_;  // made when a write first has to wait: few ever do
  int fd_;
  ErrorKind cancelled_ = ErrorKind::none;
  bool may_read_ = false;  // edge-triggered: false until epoll says otherwise
  bool may_write_;
  bool peer_closed_ = false;
  bool hung_up_ = false;
  bool broken_ = false;  // of no more use; after a TLS error the SSL object must not be called again
};

struct Transport::Wait {
  Transport& transport;
  Nanos deadline;
  bool reading;
  ErrorKind result = ErrorKind::none;
  Waiter waiter{};

  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> handle) noexcept;
  ErrorKind await_resume() noexcept { return result; }
};

}  // namespace sluice::net
