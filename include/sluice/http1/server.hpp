// HTTP/1.x towards clients: reads requests off one connection, hands each to the service, drains the
// responses.
#pragma once

#include "sluice/http/service.hpp"
#include "sluice/http1/head.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::http1 {

class Outbox;

class ServerConnection : public http::Connection, private http::Downstream, private net::TransportObserver {
 public:
  ServerConnection(std::unique_ptr<net::Transport> transport, http::Service& service, std::string peer_ip,
                   std::uint32_t listener);
  ~ServerConnection() override;

  // The client speaks in the clear where TLS is spoken, and these are its first bytes. Before run(): whatever
  // it asks for is refused.
  void take_clear_text(std::string_view bytes);
  void run() override { serve_all(); }
  void drain() override;
  void abort() override;

 private:
  struct Session;  // what a connection needs only while a request is under way
  struct Sessions;

  Detached serve_all();
  http::Origin origin() const;
  enum class Arrival : std::uint8_t { bytes, nothing, end };
  Nanos next_request_deadline();
  Arrival look_for_request();
  bool begins_request();
  bool advance_head(Error& error);
  Task<Error> rest_of_head();
  Error check_head_so_far();
  Error take_head();
  bool misdirected();
  Error broken_line() const;
  Error too_large() const;
  bool worth_answering(Error& error) const;
  void begin_exchange(const Error& error);
  Task<void> finish_request_body();
  Task<void> linger();
  void open_session();
  void close_session();

  Task<Error> interim(const http::ResponseHead& head) override;
  Task<Error> respond() override;
  void bound_body(std::uint64_t most) override;
  void close_after() override { keep_alive_ = false; }
  http::BodySource& open_tunnel() override;
  void on_departure(Departed departed, void* context) override;
  void on_activity(bool hung_up) override;

  http::Framing choose_framing(bool has_body);
  std::string_view connection_field() const;
  http::BodyStep gather(Outbox& out, http::Framing framing);
  Task<Error> send_body(http::Framing framing);
  void ended();

  std::unique_ptr<net::Transport> transport_;
  http::Service& service_;
  std::unique_ptr<Session> session_;
  Departed departed_ = nullptr;
  void* departed_context_ = nullptr;
  Nanos accepted_;
  std::uint8_t empty_lines_ = 0;  // passed over since the last request
  bool first_ = true;             // no request yet
  bool keep_alive_ = true;
  bool draining_ = false;
  bool aborted_ = false;
  bool idle_ = false;
  bool responding_ = false;
  bool clear_text_ = false;  // where TLS is spoken
};

}  // namespace sluice::http1
