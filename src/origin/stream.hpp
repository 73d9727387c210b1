// A client connection as a session sees it: an input buffer, and reads and writes that may be awaited.
#pragma once

#include "origin/loop.hpp"
#include "origin/task.hpp"
#include "origin/toolkit/wire.hpp"

#include <coroutine>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::origin {

// Thrown when the peer ended or broke the connection where it should not have. Only the session's outermost
// function catches it.
struct PeerGone {};

class Stream final : public Loop::Watched {
 public:
  enum class Fill { got, again, closed };

  // Suspends until the kernel reports something new about this connection; what, the caller finds out by
  // trying.
  class Event {
   public:
    explicit Event(Stream& stream) : stream_(stream) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> who) { stream_.waiter_ = who; }
    void await_resume() const {}

   private:
    Stream& stream_;
  };

  // Takes over `fd`. With a context the connection is TLS.
  Stream(Loop& loop, int fd, SSL_CTX* tls);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  bool is_tls() const { return wire_.is_tls(); }
  Task<> handshake();
  Event event() { return Event(*this); }

  // Bytes received and not yet consumed. Views into it end with the next fill.
  std::string_view input() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t count) { begin_ += count; }

  // Reads at most `room` bytes behind the input; never suspends.
  Fill try_fill(std::size_t room = default_room);
  // Waits for more input. False when the peer has ended its direction.
  Task<bool> fill(std::size_t room = default_room);

  // Writes what fits and takes it off `data`. True when nothing is left.
  bool try_write(std::string_view& data, bool more = false);
  Task<> write(std::string_view data, bool more = false);

  // Reads and forgets until the peer ends its direction.
  Task<> swallow();

  // Waits until the peer's kernel has everything, so that a reset cannot overtake the bytes before it.
  Task<> drain();
  // Ends the connection properly: our FIN, then a short while for the peer's, reading away what it still
  // sends; closing with unread input would send a RST and could take our last bytes with it.
  Task<> close_gently();
  void reset() { wire_.reset(); }

  void on_events(std::uint32_t events) override;

  static constexpr std::size_t default_room = 4096;

 private:
  void make_room(std::size_t room);

  Loop& loop_;
  toolkit::Wire wire_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  // What the edges have told: worth trying to read, and the end has been seen (so keep reading until it
  // comes).
  bool readable_ = true;
  bool hung_up_ = false;
  std::coroutine_handle<> waiter_;
};

}  // namespace sluice::origin
