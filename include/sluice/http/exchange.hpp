// One request and its response, whatever wire they travel on. A codec embeds the exchange, fills the request
// and drains the response; what happens between is the same for every codec.
//
// Lives on one worker. Reset and used again for the next request of a connection.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/arena.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/body.hpp"
#include "sluice/http/body_filter.hpp"
#include "sluice/http/message.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::http {

// How a client leaves before it has its answer.
enum class Departure : std::uint8_t {
  half_closed,  // it sends no more (FIN); whether it still reads, nobody can tell (docs/decisions/0015)
  gone,         // reset, or closed where the listener takes a FIN for the end
};

// Bytes of a request's body that nobody wants, which are read nevertheless for the sake of the connection.
// With more the connection ends.
inline constexpr std::uint64_t kDiscarded = 256 * 1024;

// The client's side of an exchange, as the codec offers it to whoever answers.
class Downstream {
 public:
  // Sends a 1xx other than 101. Dropped for HTTP/1.0 clients.
  virtual Task<Error> interim(const ResponseHead& head) = 0;
  // Sends Exchange::response and then Exchange::response_body to its end. Called once. An error means that
  // the client got less than the whole message and can see that.
  virtual Task<Error> respond() = 0;
  // The request asked for an upgrade and gets it (status 101): from now on the request body is whatever the
  // client sends, until it ends. Before respond().
  virtual BodySource& open_tunnel() = 0;
  // The request's body fails once it has more than `most` bytes; 0: any number. Before any of it is read.
  // Until then its bound is ServerSettings::max_body.
  virtual void bound_body(std::uint64_t most) = 0;
  // The connection ends after this response, and the response says so where the protocol can.
  virtual void close_after() = 0;
  // Calls `departed(context, how)` when the client leaves while nobody reads from it, perhaps at once, and
  // perhaps more than once. nullptr ends that.
  using Departed = void (*)(void* context, Departure how);
  virtual void on_departure(Departed departed, void* context) = 0;

 protected:
  ~Downstream() = default;
};

// Who asks, through what: set by the codec and the connection before the pipeline runs.
struct Origin {
  std::string_view peer_ip;      // text of the connection's remote address
  bool trusted_peer = false;     // the peer may speak for others (trusted_proxies)
  bool spoken_for = false;       // the request says that it was forwarded
  bool secure = false;           // the connection is under TLS
  std::string_view sni;          // server name of the handshake, if any
  std::uint32_t listener = 0;    // the listener's slot in its worker
  std::string_view tls_version;  // "TLSv1.3"; empty without TLS
};

// What happened to an exchange, beside its heads: filled in by whoever sees it happen, also where nobody logs
// it, and told once when the exchange is over. Logs, counters and judges read this and nothing else.
//
// Names are views into the arena, or into what lives until the exchange has been told: the plan and the
// server. What a tunnel outlives is copied before it is let go (Pipeline).
struct Record {
  Nanos started = 0;                  // first byte of the request
  Nanos ended = 0;                    // last byte of the response handed to the kernel, or the end of trying
  std::uint64_t bytes_in = 0;         // body bytes received from the client
  std::uint64_t bytes_out = 0;        // body bytes sent to the client
  std::string_view error;             // RFC 9209 error type when Sluice made the answer or cut it; else empty
  std::string_view details;           // of an error, where there is more to say than its rule does
  std::string_view pool;              // whose server was to answer; empty: none was
  std::string_view server;            // the last one asked
  std::string_view route_file;        // where the route stands; empty: no route
  std::uint32_t route_line = 0;       // from 1
  std::uint32_t attempts = 0;         // servers asked
  Nanos connect = 0;                  // spent opening connections
  Nanos first_byte = 0;               // from the request's last attempt to the response head
  Nanos queued = 0;                   // spent waiting for a server with room
  std::string_view limited;           // which limit refused it, or would have ("report:NAME"); else empty
  std::uint64_t generation = 0;       // of the configuration it was served by
  Rule rule = Rule::none;             // that was broken, by the request or by an answer to it
  Side rule_side = Side::downstream;  // by which of them
};

// What somebody on the way to the handler leaves for the way back, or for the end: in the exchange's arena,
// and usually as the first part of something larger.
struct Note {
  const void* whose = nullptr;  // what it can be found by
  void (*over)(Note& note) =
      nullptr;  // the exchange is over, however it went; once, and perhaps after the plan
  Note* next = nullptr;
};

struct Exchange {
  Arena arena;
  RequestHead request;
  BodySource* request_body = nullptr;  // nullptr: no body
  std::uint64_t max_body = 0;          // bytes that it may have; 0: any number
  ResponseHead response;
  BodySource* response_body = nullptr;          // nullptr: no body
  std::unique_ptr<BodyFilter> response_filter;  // the outermost, which owns the others; empty: none
  Downstream* downstream = nullptr;
  Origin origin;
  Record record;

  // Found out by the pipeline.
  std::string_view client_ip;  // the peer's, or what a trusted peer says
  // The same as bytes, once somebody asked for them (client_address()).
  const IpAddress* client_address = nullptr;
  std::string_view request_id;
  std::string_view tenant;              // empty: none
  bool tenant_listed = false;           // the configuration has it by name: clients cannot make it up
  const AddressSet* trusted = nullptr;  // trusted_proxies, for as long as answers are made
  // A field name only Sluice may set (the tenant header); a client's, also in trailers, is not forwarded.
  std::string_view own_field;

  Note* notes = nullptr;  // newest first

  // A tunnel, or a response that declares itself a stream: it may outlast the configuration it began with.
  bool long_lived = false;

  TextBody text_body;  // storage for answers made here

  void leave(Note& note) {
    note.next = notes;
    notes = &note;
  }
  // The newest note of `whose`; nullptr: none.
  Note* note_of(const void* whose) const {
    Note* at = notes;
    while (at != nullptr && at->whose != whose)
      at = at->next;
    return at;
  }
  // Before the arena is reset.
  void end_notes() {
    while (notes != nullptr) {
      Note& note = *notes;
      notes = note.next;
      if (note.over != nullptr) note.over(note);
    }
  }

  // Makes the response's body come through a filter `F(inner, arguments...)`, around those that are there.
  // Unless F::kKeepsLength its length is known no more, so that the codec frames it by what comes: chunked,
  // by DATA, by the end. Before respond(); with a response to HEAD nothing is filtered, and its length is
  // withheld as GET's would be.
  template <class F, class... Arguments>
  void filter_response(Arguments&&... arguments) {
    if (response.status == 101) return;  // what comes then is no body
    if (!F::kKeepsLength && response.framing == Framing::length) response.framing = Framing::chunked;
    if (response_body == nullptr) return;
    auto filter = std::make_unique<F>(std::forward<Arguments>(arguments)...);
    filter->wrap(*response_body, std::move(response_filter));
    response_body = filter.get();
    response_filter = std::move(filter);
  }
  // Before what they read from is given to somebody else.
  void end_filters() {
    if (response_filter == nullptr) return;
    response_filter.reset();
    response_body = nullptr;
  }

  void reset() {
    end_filters();
    end_notes();
    arena.reset();
    request.clear();
    response.clear();
    request_body = response_body = nullptr;
    max_body = 0;
    origin = {};
    record = {};
    client_ip = request_id = tenant = own_field = {};
    long_lived = tenant_listed = false;
    trusted = nullptr;
    client_address = nullptr;
    text_body = TextBody{};
  }
};

}  // namespace sluice::http
