// The heads of messages, independent of the HTTP version they came in or leave by (RFC 9110).
#pragma once

#include "sluice/http/fields.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class Method : std::uint8_t { other, get, head, post, put, del, patch, options, connect, trace };

Method method_of(std::string_view text);
// RFC 9110 §9.2.2: repeating the request has the effect of making it once.
bool idempotent(Method method);

// How a message's body is delimited on the wire (RFC 9112 §6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
  std::string_view method_text;  // as received
  Method method = Method::other;
  std::string_view target;     // as forwarded: origin-form, or "*"
  std::string_view path;       // target up to "?"; "/" for "*"
  bool dotted = false;         // the path has "." or ".." segments: for routes with `paths: as_is` only
  std::string_view authority;  // host and port as the client wrote them; empty only in HTTP/1.0
  std::string_view host;       // normalised: lower case, no port, no trailing dot
  std::uint8_t major = 1;      // of the HTTP version
  std::uint8_t minor = 1;
  Framing framing = Framing::none;
  std::uint64_t length = 0;  // with Framing::length
  bool keep_alive = true;
  bool expect_continue = false;
  bool trailers_wanted = false;  // TE: trailers
  std::string_view upgrade;      // the protocol asked for, when a tunnel may come of it; else empty
  Fields fields;

  void clear() { *this = RequestHead{}; }
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::string_view reason;  // may be empty
  std::uint8_t minor = 1;
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  bool keep_alive = true;  // of the connection it came by
  Fields fields;

  void clear() { *this = ResponseHead{}; }
};

// Responses that end with their head whatever their fields say (RFC 9112 §6.3, items 1 and 2).
constexpr bool bodiless(std::uint16_t status) { return status < 200 || status == 204 || status == 304; }

// The standard reason phrase, or empty.
std::string_view reason_of(std::uint16_t status);

}  // namespace sluice::http
