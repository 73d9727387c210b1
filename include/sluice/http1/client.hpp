// HTTP/1.1 towards an upstream: one connection, one exchange at a time.
#pragma once

#include "sluice/base/buffer.hpp"
#include "sluice/http/upstream.hpp"
#include "sluice/http1/head.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace sluice::http1 {

class BodyReader;
class Outbox;
struct Unsent;

class ClientConnection final : public http::Upstream {
 public:
  explicit ClientConnection(std::unique_ptr<net::Transport> transport);
  ~ClientConnection();

  net::Transport& transport() { return *transport_; }

  void begin(const http::UpstreamLimits& limits) override;
  Task<Error> send(http::Exchange& exchange, std::string_view default_host) override;
  bool sent_all() const override { return sent_all_; }
  Task<Error> upload(http::Exchange& exchange) override;
  Task<Error> receive(http::Exchange& exchange) override;
  void allow_silence(Nanos longest) override;
  bool heard() const override { return heard_; }
  void cancel(ErrorKind kind) override { transport_->cancel(kind); }

  // Whether the connection may serve another exchange: both messages complete, nothing left over.
  bool reusable() const;
  // Between exchanges: an idle connection holds no buffer.
  void rest() { in_.release(); }
  // Seconds the upstream said it keeps an unused connection (Keep-Alive: timeout=N), 0 if it did not say.
  std::uint32_t advertised_idle() const { return advertised_idle_; }

 private:
  http::BodyStep gather(http::Exchange& exchange, Outbox& out);
  Error sent(Error error);
  Task<Error> send_rest(Unsent rest);
  bool advance_head(HeadScanner& scanner, http::Exchange& exchange, Error& error);
  Error accept_head(http::Exchange& exchange, std::size_t size);
  Error accept_response(http::Exchange& exchange);
  Error check_switch(const http::Exchange& exchange) const;

  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<BodyReader> body_;
  Buffer in_;
  http::UpstreamLimits limits_;
  Nanos last_sent_ = 0;
  std::uint32_t advertised_idle_ = 0;
  http::Framing sending_ = http::Framing::none;
  bool sent_all_ = false;
  bool heard_ = false;
  bool keep_alive_ = false;
  bool tunnel_ = false;
  bool failed_ = false;
};

}  // namespace sluice::http1
