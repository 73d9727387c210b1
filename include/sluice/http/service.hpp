// Between a codec and whoever answers: what a client connection is told of the configuration, what it hands
// over, and what the worker may ask of it. Every codec of the downstream side speaks through this.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/base/intrusive_list.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/exchange.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

// Of a request's head. In HTTP/1 `bytes` counts start line, fields and the empty line; in HTTP/2 the same
// fields as HTTP/1 would write them.
struct HeadLimits {
  std::uint32_t bytes = 32 * 1024;
  std::uint32_t fields = 100;
};

// Of a trailer section, in either version; nobody configures it.
inline constexpr HeadLimits kTrailerLimits{8 * 1024, 32};

// A tunnel may be silent for long, in either direction: that is what WebSockets are for. In either version
// too.
inline constexpr Nanos kTunnelSilence = Nanos{3600} * 1'000'000'000;

// What one HTTP/2 connection may do. Rates are per minute, and as many may come at once.
struct Http2Limits {
  std::uint32_t streams = 128;           // open at a time; more are refused
  std::uint32_t resets = 500;            // streams given up or broken by the client before their end
  std::uint32_t control_frames = 1'000;  // frames that ask for nothing, beyond those that go with requests
  std::uint32_t continuations = 16;      // CONTINUATION frames in one header block
};

// What a FIN means of a client that waits for its answer: in HTTP/1 some close their half and read on.
enum class HalfClosed : std::uint8_t { finish, cancel };

// What a connection needs to know of the configuration in force; read anew for each request.
struct ServerSettings {
  HeadLimits limits;
  std::uint64_t max_body = 0;   // where nothing more specific says otherwise; 0: no bound
  Nanos header = 0;             // first byte of a head to its end
  Nanos idle = 0;               // between two requests
  Nanos body = 0;               // each wait for the client, reading or writing
  bool refuse_mismatch = true;  // HTTP/1 under TLS: hosts that another certificate than the one shown names
  Http2Limits http2;
  HalfClosed half_closed = HalfClosed::finish;
};

// Why a client's connection is ended although it is well-formed: it costs more than it asks for.
enum class Abuse : std::uint8_t {
  rapid_reset,         // streams given up, refused or broken faster than http2.resets
  control_flood,       // frames that ask for nothing, faster than http2.control_frames
  continuation_flood,  // a header block that does not end
  header_bomb,         // a header block that decodes to far more than max.head
  stalled_window,      // responses asked for, and no window to send them for timeouts.body
};
constexpr std::size_t kAbuses = 5;
std::string_view to_string(Abuse reason);

// Which certificate names a host, as one client's connection sees it.
enum class Holder : std::uint8_t {
  shown,    // the one that its client verified; also where there is no TLS
  another,  // another one of those in force
  nobody,
};

// A client's connection, as its worker keeps it.
class Connection : public ListLink {
 public:
  Connection(std::string peer_ip, std::uint32_t listener)
      : peer_ip_(std::move(peer_ip)), listener_(listener) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // Serves until the connection ends; returns at the first wait. Under TLS the handshake is over. The first
  // request's time runs from the construction.
  virtual void run() = 0;
  // No further request after those under way; an idle connection ends by itself shortly, or answers the
  // request that was already on its way.
  virtual void drain() = 0;
  // Ends it now, whatever it does.
  virtual void abort() = 0;

  const std::string& peer_ip() const { return peer_ip_; }
  std::uint32_t listener() const { return listener_; }

  // Whether a request for `host` came by the right connection (RFC 9110 §7.4). What the client asked for in
  // its handshake, `sni`, counts as shown whatever the certificate names: it was shown for that.
  Holder holder(std::string_view host, std::string_view sni);

 protected:
  virtual Holder look_up(std::string_view /*host*/) const { return Holder::shown; }

 private:
  std::string peer_ip_;
  std::string shown_for_;  // the last host found to be in the certificate
  std::uint32_t listener_;
};

// Who answers. One per worker; outlives its connections.
class Service {
 public:
  virtual ServerSettings settings(std::uint32_t listener) = 0;
  // Sees to it that exchange.downstream->respond() is called, unless the client is gone.
  virtual Task<void> serve(Exchange& exchange) = 0;
  // The same for a request that could not be read; exchange.request holds what was understood of it.
  virtual Task<void> refuse(Exchange& exchange, const Error& error) = 0;
  // The connection is being ended because of what its client does.
  virtual void abused(const Connection& connection, Abuse reason) = 0;
  // The same because it breaks a rule of the protocol.
  virtual void broken(const Connection& connection, Rule rule) = 0;
  // The connection is over; to be destroyed by this call.
  virtual void ended(Connection& connection) = 0;

 protected:
  ~Service() = default;
};

}  // namespace sluice::http
