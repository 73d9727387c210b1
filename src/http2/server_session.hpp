// A client's HTTP/2 connection: which streams there may be, what they are asked for, how it ends.
#pragma once

#include "sluice/http2/server.hpp"

#include "http2/server_stream.hpp"
#include "http2/session.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::http2 {

class ServerSession final : public Session {
 public:
  ServerSession(std::unique_ptr<net::Transport> transport, ServerConnection& connection,
                http::Service& service)
      : ServerSession(std::move(transport), connection, service, service.settings(connection.listener())) {}

  void run() {
    announce({{Setting::max_concurrent_streams, limits_.streams},
              {Setting::max_header_list_size, limits_.head},
              {Setting::enable_connect_protocol, 1},
              {Setting::no_rfc7540_priorities, 1}});
    started_ = true;
    if (draining_) begin_drain();
    start();
  }

  void drain() {
    if (draining_) return;
    draining_ = true;
    if (started_) begin_drain();
  }

  http::Service& service() const { return service_; }
  http::Origin origin() const;
  // Whether a request for `host` may come by this connection: the name it was opened for, or one that the
  // certificate shown then is valid for (RFC 9113 §9.1.1).
  bool serves(std::string_view host, std::string_view scheme);
  void count_reset() { take_reset_token(); }
  // The last a stream does.
  void finish(ServerStream& stream);

 private:
  ServerSession(std::unique_ptr<net::Transport> transport, ServerConnection& connection,
                http::Service& service, const http::ServerSettings& settings)
      : Session(std::move(transport), Role::server, limits_from(settings)),
        connection_(connection),
        service_(service),
        drain_deadline_(&ServerSession::on_drain_deadline, this),
        accepted_(loop().now()),
        idle_since_(accepted_),
        header_(settings.header) {}

  static SessionLimits limits_from(const http::ServerSettings& settings) {
    SessionLimits out;
    out.streams = settings.http2.streams;
    out.head = settings.limits.bytes;
    out.resets = settings.http2.resets;
    out.control_frames = settings.http2.control_frames;
    out.continuations = settings.http2.continuations;
    out.stall = settings.body;
    return out;
  }

  void on_block(const FrameHead& head, std::string_view block, bool malformed) override;
  void on_known_stream(ServerStream& stream, const FrameHead& head, std::string_view block, bool malformed);
  void on_used_id(std::uint32_t id, std::string_view block);
  void on_request(const FrameHead& head, std::string_view block, bool malformed);
  void block_error(Block verdict);
  bool full() const;
  void on_goaway(std::uint32_t last, Code code) override;
  void on_ping_ack(std::string_view opaque) override;
  void on_silence() override;
  Nanos read_deadline() const override;
  void on_abuse(http::Abuse reason) override { service_.abused(connection_, reason); }
  void on_broken(Rule rule) override { service_.broken(connection_, rule); }
  void on_priority_update(std::uint32_t stream, std::string_view value) override;
  void ended() override { service_.ended(connection_); }

  void begin_drain();
  void finish_drain();
  static void on_drain_deadline(void* self) { static_cast<ServerSession*>(self)->finish_drain(); }

  ServerConnection& connection_;
  http::Service& service_;
  net::Deadline drain_deadline_;
  Nanos accepted_;
  Nanos idle_since_;
  Nanos header_;
  bool started_ = false;
  bool draining_ = false;
  bool drained_ = false;  // the second GOAWAY is out: no further stream counts
  bool client_leaves_ = false;
};

}  // namespace sluice::http2
