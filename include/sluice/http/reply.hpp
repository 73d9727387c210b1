// Answers that Sluice makes itself. Each says so: Proxy-Status (RFC 9209) with the reason, X-Request-ID, and
// a body in the form the client accepts.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/http/exchange.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http {

struct Reason {
  std::uint16_t status;          // what the client is told
  std::string_view error;        // RFC 9209 §2.3 error type
  std::string_view details;      // for people; names no address of ours
  std::uint8_t grpc = 0;         // what a gRPC client is told; 0: what follows from the status
  Rule rule = Rule::none;        // that was broken
  Side side = Side::downstream;  // whose message broke it
  // Seconds until it is worth asking again; 0: a 503 says 1, everything else says nothing.
  std::uint32_t retry_after = 0;
};

// Whether a connection can serve another request after an answer.
enum class Then : std::uint8_t { keep, close };

// What a failure means for the client (docs/errors.md lists the whole mapping).
Reason reason_for(const Error& error);
// Notes it where logs and counters find it.
void note_reason(Record& record, const Reason& reason);
// And for the client of a gRPC call: grpc-status and grpc-message.
void add_grpc_status(Arena& arena, Fields& fields, const Reason& reason);

// Fills exchange.response and response_body. `reason.details` may hold quotation marks, and no other byte
// that JSON, HTML or a structured field would not take as it is. Fields added before the call stay. A 405
// says what is allowed. An insider is told what exactly was wrong, everybody else the reason's own words.
void make_reply(Exchange& exchange, const Reason& reason);

// Beside an answer for which the request's body is not read: where its length says that more is to come than
// is worth receiving for the sake of the connection, this ends, and the answer says so.
void leave_body(Exchange& exchange);

// 308 to `location`.
void make_redirect(Exchange& exchange, std::string_view location);

}  // namespace sluice::http
