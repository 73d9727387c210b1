// What a proxy does to fields on their way through: takes out what concerned one hop only (RFC 9110 §7.6.1),
// and says who asked (X-Forwarded-*, X-Request-ID).
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/base/arena.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

// Options in the Connection fields of one message; http1 refuses more.
inline constexpr std::size_t kMostConnectionOptions = kMostElements;

// Drops hop-by-hop fields, those named by Connection, and the framing fields, which codecs write themselves.
// Host and CDN-Loop survive being named by Connection. Takes time in proportion to the head's size.
void drop_hop_by_hop(Fields& fields);

// A fresh request id: 128 random bits as 32 hexadecimal digits, in the arena. Unique, not secret.
std::string_view make_request_id(Arena& arena);

// What the operator says about forwarding.
struct ForwardingRules {
  // Which of claim_names() pass from clients that are not trusted: one bit each, by index.
  std::uint64_t passed_claims = 0;
  // Our name in CDN-Loop (RFC 8586); empty: none is sent.
  std::string cdn_id;
};

// Fills client_ip and request_id. From a trusted peer: the last address in X-Forwarded-For that is not itself
// trusted, and the X-Request-ID if it is 1..128 bytes of [A-Za-z0-9._:@/+=-]. Otherwise the peer's address
// and a fresh id.
void identify(Exchange& exchange, const AddressSet& trusted);

// `client_ip` as bytes, worked out once; all zero where it is none (a unix socket).
const IpAddress& client_address(Exchange& exchange);

// Whether the client may be told what strangers are not: it is on this machine, or among `exchange.trusted`.
// One that an unknown proxy speaks for is not.
bool is_insider(const Exchange& exchange);

// Whether a field of that id means nothing where an untrusted client sends it.
bool needs_trust(FieldId id);

// Replaces the client's forwarding fields by ours. What an untrusted client says about forwarding (also the
// claims that do not pass, and spellings with underscores) is dropped; a trusted peer's is extended. Proxy is
// dropped from everybody; CDN-Loop from nobody.
void add_forwarding_fields(Exchange& exchange, const ForwardingRules& rules);

}  // namespace sluice::http
