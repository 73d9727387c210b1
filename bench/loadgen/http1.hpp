// HTTP/1.1 as a client: one request at a time.
#pragma once

#include "loadgen/outbox.hpp"
#include "loadgen/protocol.hpp"
#include "loadgen/response.hpp"

#include <string>

namespace sluice::bench {

class Http1 final : public Protocol {
 public:
  Http1(Outbox& outbox, Listener& listener, bool keep_alive)
      : outbox_(outbox), listener_(listener), keep_alive_(keep_alive) {}

  bool accepts() const override { return !active_ && !over_; }
  bool over() const override { return over_; }
  unsigned in_flight() const override { return active_ ? 1 : 0; }
  void send(Token token, const Ask& ask) override;
  void flush() override;
  void receive(std::string_view input) override;
  std::uint64_t discardable() const override { return active_ ? response_.discardable() : 0; }
  void discarded(std::uint64_t bytes) override;
  void end(bool properly) override;
  void cancel(Token token, Failure failure) override;

 private:
  void finish_answer();
  void fail(Failure failure);

  Outbox& outbox_;
  Listener& listener_;
  ResponseReader response_;
  std::string text_;  // its storage serves every request
  Token token_ = 0;
  bool keep_alive_;
  bool active_ = false;
  bool over_ = false;
};

}  // namespace sluice::bench
