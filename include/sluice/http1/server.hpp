// HTTP/1.x towards clients: reads requests off one connection, hands each to the service, drains the
// responses.
#pragma once

#include "sluice/base/intrusive_list.hpp"
#include "sluice/http/exchange.hpp"
#include "sluice/http1/head.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace sluice::http1 {

// What a connection needs to know of the configuration in force; read anew for each request.
struct ServerSettings {
  HeadLimits limits;
  std::uint64_t max_body = 0;  // 0: no bound
  Nanos header = 0;            // first byte of a head to its end
  Nanos idle = 0;              // between two requests
  Nanos body = 0;              // each wait for the client, reading or writing
};

class ServerConnection;

// Who answers. One per worker; outlives its connections.
class Service {
 public:
  virtual ServerSettings settings(std::uint32_t listener) = 0;
  // Sees to it that exchange.downstream->respond() is called, unless the client is gone.
  virtual Task<void> serve(http::Exchange& exchange) = 0;
  // The same for a request that could not be read; exchange.request holds what was understood of it.
  virtual Task<void> refuse(http::Exchange& exchange, const Error& error) = 0;
  // The connection is over; to be destroyed by this call.
  virtual void ended(ServerConnection& connection) = 0;

 protected:
  ~Service() = default;
};

class ServerConnection : public ListLink, private http::Downstream {
 public:
  ServerConnection(std::unique_ptr<net::Transport> transport, Service& service, std::string peer_ip,
                   std::uint32_t listener);
  virtual ~ServerConnection();

  // Serves until the connection ends; returns at the first wait. Under TLS the handshake is over. The first
  // request's time runs from the construction.
  Detached run();

  // No further request after the one under way; an idle connection ends by itself shortly, or answers the
  // request that was already on its way.
  void drain();
  // Ends it now, whatever it does.
  void abort();

  const std::string& peer_ip() const { return peer_ip_; }
  std::uint32_t listener() const { return listener_; }

 private:
  struct Session;  // what a connection needs only while a request is under way
  struct Sessions;

  http::Origin origin() const;
  Task<bool> await_request();
  Task<Error> read_head();
  Error take_head();
  Error too_large() const;
  Task<void> serve_one(const Error& error);
  Task<void> finish_request_body();
  Task<void> linger();
  void open_session();
  void close_session();

  Task<Error> interim(const http::ResponseHead& head) override;
  Task<Error> respond() override;
  bool responding() const override { return responding_; }
  void close_after() override { keep_alive_ = false; }
  http::BodySource& open_tunnel() override;
  void on_gone(Cancel cancel, void* context) override;

  http::Framing choose_framing(bool has_body);
  std::string_view connection_field() const;
  Task<Error> send_body(http::Framing framing);
  void ended();

  class GoneObserver final : public net::TransportObserver {
   public:
    Cancel cancel = nullptr;
    void* context = nullptr;
    void on_activity(bool hung_up) override {
      if (hung_up && cancel != nullptr) cancel(context);
    }
  };

  std::unique_ptr<net::Transport> transport_;
  Service& service_;
  std::string peer_ip_;
  std::unique_ptr<Session> session_;
  GoneObserver gone_;
  Nanos accepted_;
  std::uint32_t listener_;
  bool first_ = true;  // no request yet
  bool keep_alive_ = true;
  bool draining_ = false;
  bool aborted_ = false;
  bool idle_ = false;
  bool responding_ = false;
};

}  // namespace sluice::http1
