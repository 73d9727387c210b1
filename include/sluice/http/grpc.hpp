// What a proxy must know of gRPC (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): how long a client waits, and
// how it is told of an error.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/error.hpp"
#include "sluice/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::http {

// Whether the request is a call: content-type application/grpc, also with a suffix (+proto, ;charset).
bool is_grpc(const RequestHead& request);

// What "for ever" comes to: clients send the largest number they have.
inline constexpr Nanos kLongestGrpcTimeout = Nanos{365 * 24 * 3600} * 1'000'000'000;
// A call may be silent for so long in either direction, if its client does not say otherwise: streams that
// wait for events are what gRPC is used for.
inline constexpr Nanos kGrpcSilence = Nanos{3600} * 1'000'000'000;

// The value of grpc-timeout: up to eight digits and a unit of H M S m u n, cut off at kLongestGrpcTimeout.
// Empty for anything else.
std::optional<Nanos> parse_grpc_timeout(std::string_view value);
// How long the client of this call waits; empty when it does not say, or this is no call.
std::optional<Nanos> grpc_timeout(const RequestHead& request);

// The status of an answer that is none of the application's (doc/http-grpc-status-mapping.md; 413 and 431 are
// RESOURCE_EXHAUSTED, as gRPC's own limits are).
std::uint8_t grpc_status_of(std::uint16_t http_status);
inline constexpr std::uint8_t kGrpcDeadlineExceeded = 4;
inline constexpr std::uint8_t kGrpcUnavailable = 14;

}  // namespace sluice::http
