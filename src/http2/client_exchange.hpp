// One request to an HTTP/2 server and its response.
#pragma once

#include "sluice/http/service.hpp"
#include "sluice/http/upstream.hpp"
#include "sluice/http2/client.hpp"

#include "http2/head.hpp"
#include "http2/hpack.hpp"
#include "http2/stream.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::http2 {

class ClientSession;

// What applications send in heads; they are not attackers (as for HTTP/1).
inline constexpr http::HeadLimits kResponseLimits{64 * 1024, 256};

inline Error upstream_error(ErrorKind kind) { return {kind, Side::upstream}; }

class ClientExchange final : public Stream, public ClientStream {
 public:
  explicit ClientExchange(ClientSession& connection)
      : connection_(connection), deadline_(&ClientExchange::on_deadline, this) {}
  ~ClientExchange() override;

  void begin(const http::UpstreamLimits& limits) override;
  Task<Error> send(http::Exchange& exchange, std::string_view default_host) override;
  bool sent_all() const override { return sent_all_; }
  Task<Error> upload(http::Exchange& exchange) override;
  Task<Error> receive(http::Exchange& exchange) override;
  void allow_silence(Nanos longest) override { received().set_limits(std::max(limits_.body, longest), 0); }
  bool heard() const override { return heard_; }
  void cancel(ErrorKind kind) override;

  // From the session.
  BlockResult take_head(HpackDecoder& decoder, std::string_view block, bool end_stream);
  BlockResult take_trailers(HpackDecoder& decoder, std::string_view block);
  bool headed() const { return has_head_; }
  void fail_with(const Error& error, Gone how) { lose(error, how); }

 private:
  struct HeadWait;

  void on_lost() override { wake(); }
  void wake();
  static void on_deadline(void* self);
  void send_head(const http::Exchange& exchange, std::string_view default_host, bool end_stream);
  bool may_be_large(const http::RequestHead& request) const;
  void accept_tunnel(http::Exchange& exchange);

  ClientSession& connection_;
  http::Exchange* exchange_ = nullptr;
  http::UpstreamLimits limits_;
  net::Deadline deadline_;
  HeadWait* waiting_ = nullptr;
  std::vector<http::ResponseHead> interim_;
  std::size_t interims_ = 0;
  http::ResponseHead head_;
  std::uint64_t sent_bytes_ = 0;
  Nanos last_sent_ = 0;
  bool heard_ = false;
  bool has_head_ = false;
  bool tunnel_ = false;
  bool sent_all_ = false;
  bool uploading_ = false;
};

}  // namespace sluice::http2
