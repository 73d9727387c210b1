// Header blocks to the heads of messages: RFC 9113 §8. The same framing guard as HTTP/1's: what this lets
// through means one thing only, also to an HTTP/1.1 server further on.
//
// Each function reads its block to the end whatever it finds, for the decoder's sake, but keeps nothing more
// in memory once the block is too large or malformed.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/error.hpp"
#include "sluice/http/message.hpp"
#include "sluice/http/service.hpp"

#include "http2/hpack.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http2 {

enum class Block : std::uint8_t {
  good,
  refused,      // well-formed, but not for us: to be answered
  malformed,    // RFC 9113 §8.1.1: a stream error
  compression,  // a connection error COMPRESSION_ERROR
  bomb,         // decodes to several times what a head may have
};

struct BlockResult {
  Block verdict = Block::good;
  Error error;  // with `refused` and `malformed`
};

struct RequestPseudo {
  std::string_view scheme;
  std::string_view protocol;            // of an extended CONNECT, RFC 8441
  std::string_view priority;            // the field's value, RFC 9218
  std::optional<std::uint64_t> length;  // Content-Length as the client said it
};

// Fields that belong to one HTTP/1 connection, which HTTP/2 must not carry: RFC 9113 §8.2.2.
bool connection_specific(http::FieldId id);

BlockResult read_request(HpackDecoder& decoder, std::string_view block, bool end_stream,
                         const http::HeadLimits& limits, Arena& arena, http::RequestHead& out,
                         RequestPseudo& pseudo);

// `method` is the request's. Interim responses too.
BlockResult read_response(HpackDecoder& decoder, std::string_view block, bool end_stream,
                          const http::HeadLimits& limits, http::Method method, Arena& arena,
                          http::ResponseHead& out);

BlockResult read_trailers(HpackDecoder& decoder, std::string_view block, const http::HeadLimits& limits,
                          Arena& arena, http::Fields& out);

// Keeps the decoder right, nothing else. False: not HPACK.
bool skip_block(HpackDecoder& decoder, std::string_view block);

}  // namespace sluice::http2
