// What can go wrong on the data plane, as values. An error says what (kind), whose fault it is (side), which
// rule was broken where it was one (rule), and the errno behind it where there is one (cause).
// Nothing on the data plane throws; a broken invariant aborts.
#pragma once

#include "sluice/base/rule.hpp"

#include <cstdint>
#include <string_view>

namespace sluice {

// Grouped by what is told to the client: the names follow the error types of RFC 9209 §2.3 where one exists.
enum class ErrorKind : std::uint8_t {
  none,
  closed,     // orderly end where more was due, or the connection is gone
  reset,      // RST, EPIPE, or any other failed read or write
  abandoned,  // the peer gave up this one message (RST_STREAM); its connection lives
  refused,    // the peer says that it did nothing with the request (REFUSED_STREAM, GOAWAY): safe to repeat
  timed_out,
  deadline_exceeded,  // the client said how long it waits, and that is over
  cancelled,          // we ended it ourselves: drain, shutdown, the other side failed
  connect_refused,
  connect_timeout,
  connect_failed,  // no route, no address, no descriptor …
  name_unresolved,
  tls_failed,
  malformed,  // the peer broke the protocol; nothing it sends can be trusted any more
  head_too_large,
  target_too_long,
  body_too_large,
  version_unsupported,  // well-formed, and not HTTP/1.0 or 1.1
  method_refused,       // CONNECT, TRACE
  misdirected,          // for an authority that this connection must not ask for
  expectation_failed,   // Expect with anything but 100-continue
  loop_detected,        // the request has been here before
  unavailable,          // no server could be asked
  no_room,              // every server, or whatever else was asked, has as many requests as it may have
  failed,               // what we did ourselves went wrong
};

// Eight bytes, which travel in one register.
struct Error {
  ErrorKind kind = ErrorKind::none;
  Side side = Side::internal;
  Rule rule = Rule::none;
  int cause = 0;  // errno, 0 if none

  explicit operator bool() const { return kind != ErrorKind::none; }
  bool operator==(const Error&) const = default;
};

// The error of a message that breaks `rule`, which is not none; whoever knows where it came from sets `side`.
Error broken(Rule rule, Side side = Side::internal);

std::string_view to_string(ErrorKind kind);

}  // namespace sluice
