// A named limit of the configuration, compiled: made once, and used by the policies of all routes and tenants
// that ask for it.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/config/limit.hpp"
#include "sluice/limits/bans.hpp"
#include "sluice/limits/terms.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::policy {

// Which requests are meant: all that is set must hold.
struct LimitMatch {
  std::string path;  // empty: any
  bool prefix = false;
  std::vector<std::string> methods;  // empty: any
  std::vector<config::FieldIs> headers;

  bool any() const { return path.empty() && methods.empty() && headers.empty(); }
};

struct Limit {
  std::string name;
  std::uint32_t tag = 0;  // limits::tag_of(name)
  config::LimitKind kind = config::LimitKind::rate;
  limits::Terms terms;  // of a rate or of bytes
  std::uint32_t concurrency = 0;
  bool shared = false;  // counted together with other nodes; a rate only
  bool enforced = true;

  std::vector<config::KeyPart> key;
  bool by_tenant = false;  // the key has the tenant
  unsigned v4_bits = 128;  // of an IpAddress, that are one client
  unsigned v6_bits = 64;

  LimitMatch match;
  AddressSet exempt_clients;
  std::vector<config::FieldIs> exempt_headers;
  bool selective = false;  // a request must be looked at to know whether it counts

  std::optional<limits::BanTerms> ban;

  // What clients are told of it (draft-ietf-httpapi-ratelimit-headers): its member of RateLimit-Policy, and
  // that of RateLimit up to how many are left.
  std::string announced;
  std::string remaining;
};

std::shared_ptr<const Limit> make_limit(const config::Limit& from, bool shared);

// As a route has it.
struct LimitUse {
  std::shared_ptr<const Limit> limit;
  std::uint32_t cost = 1;  // 1..burst
};

}  // namespace sluice::policy
