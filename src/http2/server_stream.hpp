// One request of an HTTP/2 client and its response.
#pragma once

#include "sluice/http/service.hpp"

#include "http2/head.hpp"
#include "http2/hpack.hpp"
#include "http2/stream.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http2 {

class ServerSession;

class ServerStream final : public Stream, private http::Downstream {
 public:
  // Streams are several kilobytes and used again at once: each thread keeps some.
  static ServerStream* make();

  // Runs by itself to its end, and then goes back to where it came from.
  void start(ServerSession& session, std::uint32_t id, const http::ServerSettings& settings);
  BlockResult read(HpackDecoder& decoder, std::string_view block, bool end_stream);
  // `refusal`: why it is not served. `reset`: it is told so by RST_STREAM alone.
  void run(const Error& refusal, bool reset);
  BlockResult take_trailers(HpackDecoder& decoder, std::string_view block);

  void prioritise(Priority priority) { priority_ = priority; }
  const http::RequestHead& request() const { return exchange_.request; }
  std::string_view scheme() const { return pseudo_.scheme; }

  static void recycle(ServerStream* stream);

 private:
  struct Free;

  Detached serve(Error refusal);
  void finish();

  Task<Error> interim(const http::ResponseHead& head) override;
  Task<Error> respond() override;
  void bound_body(std::uint64_t most) override { received().bound(most); }
  void close_after() override {}  // other streams have nothing to do with it
  http::BodySource& open_tunnel() override;
  void on_departure(Departed departed, void* context) override;
  void on_lost() override;

  ServerSession& session() const;
  Error check_tunnel();
  void send_head(const http::ResponseHead& head, bool end_stream);
  void fail_response(const Error& error);

  http::Exchange exchange_;
  http::ServerSettings settings_;
  RequestPseudo pseudo_;
  std::string_view websocket_key_;  // of an extended CONNECT: the one we made up
  Departed departed_ = nullptr;
  void* departed_context_ = nullptr;
  bool reset_only_ = false;
};

}  // namespace sluice::http2
