// What the operator wrote about limits: how much of something whoever is meant may have. Plain values;
// cross-key rules hold once load() reported nothing.
#pragma once

#include "sluice/config/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::config {

// What of a request makes the key under which it is counted.
struct KeyPart {
  enum class Of : std::uint8_t { tenant, client_ip, host, path, header, cookie, response };
  Of of = Of::tenant;
  std::string name;  // of a header (in small letters) or a cookie
  Position at;
};

// A request field with this value; any value where it is unset.
struct FieldIs {
  Located<std::string> name;  // in small letters
  std::optional<std::string> value;
};

// Which requests a limit counts; all of what is set must hold.
struct LimitMatch {
  std::optional<Located<std::string>> path;  // as a route's
  std::vector<Located<std::string>> methods;
  std::vector<FieldIs> headers;
};

// Which requests it lets pass uncounted; one of them is enough.
struct LimitExempt {
  std::vector<Located<std::string>> client_ip;  // CIDR blocks or single addresses
  std::vector<FieldIs> headers;
};

// What becomes of a client that is refused again and again.
struct LimitBan {
  Position at;
  std::uint32_t after = 0;  // refusals within `window`; 1..1,000,000
  Duration window{};        // 1s..24h
  Duration lasts{};         // the key `for`; 1s..7d
};

enum class LimitKind : std::uint8_t {
  rate,         // so many requests in so much time
  concurrency,  // so many under way at a time
  bytes,        // so many bytes of response bodies in a second: paced, never refused
};
enum class LimitMode : std::uint8_t { enforce, report };

struct Limit {
  std::string name;
  Position at;
  LimitKind kind = LimitKind::rate;
  Rate rate;                      // of `rate`; of `bytes`, with bytes as its count
  std::uint64_t burst = 0;        // 1..10^9 requests, or bytes
  std::uint32_t concurrency = 0;  // 1..1,000,000
  std::vector<KeyPart> key;       // 1..8
  std::uint32_t v4_prefix = 32;   // so many bits of a client's address are one client; 1..32
  std::uint32_t v6_prefix = 64;   // 1..128
  std::uint32_t cost = 1;         // what one request takes; 1..burst
  LimitMode mode = LimitMode::enforce;
  LimitMatch match;
  LimitExempt exempt;
  std::optional<LimitBan> ban;  // with client_ip in the key
};

// A limit by its name, where a tenant or a route asks for it.
struct LimitUse {
  Located<std::string> name;
  std::uint32_t cost = 0;  // 0: the limit's own
};

// What to do while the store of the buckets cannot be reached.
enum class OnOutage : std::uint8_t { local, open, closed };

// Where buckets are counted together with other nodes.
struct LimitStore {
  Located<std::string> url;  // redis:// or rediss://, checked
  OnOutage on_outage = OnOutage::local;
  std::optional<Located<std::string>> ca;  // PEM file for rediss://, absolute; unset: the system's
};

}  // namespace sluice::config
