// A version of HTTP on one open connection: requests in, outcomes out.
#pragma once

#include "loadgen/catalogue.hpp"
#include "loadgen/failure.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::bench {

// Names a request to whoever made it.
using Token = std::uint32_t;

struct Outcome {
  std::optional<Failure> failure;  // none: answered
  unsigned status = 0;
};

class Protocol {
 public:
  // Hears of each request once. Must not call back into the protocol.
  class Listener {
   public:
    virtual void finished(Token token, const Outcome& outcome) = 0;

   protected:
    ~Listener() = default;
  };

  Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;
  virtual ~Protocol() = default;

  // Whether another request may follow now, and whether none ever can.
  virtual bool accepts() const = 0;
  virtual bool over() const = 0;
  virtual unsigned in_flight() const = 0;

  // Takes a request; only when accepts(). It may wait until flush() to be sent.
  virtual void send(Token token, const Ask& ask) = 0;
  // Sends what there is to send, as far as the outbox takes it.
  virtual void flush() = 0;

  virtual void receive(std::string_view input) = 0;
  // Body bytes known to follow, which may be thrown away unseen; tell how many were.
  virtual std::uint64_t discardable() const = 0;
  virtual void discarded(std::uint64_t bytes) = 0;

  // The server has ended its direction: properly, or not.
  virtual void end(bool properly) = 0;
  // Gives one request up. What cannot do so without losing the connection is over() after it.
  virtual void cancel(Token token, Failure failure) = 0;
};

}  // namespace sluice::bench
