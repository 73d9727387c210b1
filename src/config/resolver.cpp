#include "config/address.hpp"
#include "config/schemas.hpp"

#include <array>

namespace sluice::config {
namespace {

constexpr std::int64_t kLeastTimeout = 100;
constexpr std::int64_t kMostTimeout = 30'000;
constexpr std::uint64_t kMostTries = 10;
constexpr std::int64_t kLeastTtl = 1'000;
constexpr std::int64_t kMostTtl = 86'400'000;

constexpr std::array kResolverKeys{
    Key<Resolver>{{"servers", "list of addresses", "the system's",
                   "DNS servers, asked in this order; port 53 unless one is given."},
                  &locate_some<&Resolver::servers, parsed<parse_name_server>>},
    Key<Resolver>{
        {"timeout", "duration", "the system's, else 2s",
         "Time for an answer, 100ms to 30s; each further round over the servers waits twice as long."},
        &set<&Resolver::timeout, duration<kLeastTimeout, kMostTimeout>>},
    Key<Resolver>{
        {"tries", "whole number", "the system's, else 2", "How often each server is asked, 1 to 10."},
        &set<&Resolver::tries, whole<1, kMostTries>>},
    Key<Resolver>{{"min_ttl", "duration", "1s", "Least time an answer is used, 1s to 24h."},
                  &set<&Resolver::min_ttl, duration<kLeastTtl, kMostTtl>>},
    Key<Resolver>{{"max_ttl", "duration", "5m", "Longest time an answer is used, 1s to 24h."},
                  &set<&Resolver::max_ttl, duration<kLeastTtl, kMostTtl>>}};

}  // namespace

void read_resolver(const Cursor& at, Document& out) {
  read_map(at, kResolverSchema, out.resolver);
  if (out.resolver.min_ttl <= out.resolver.max_ttl) return;
  at.find(at.find("min_ttl") ? "min_ttl" : "max_ttl")->error("min_ttl is longer than max_ttl");
}

constinit const Schema<Resolver> kResolverSchema{
    {"resolver",
     "Names are looked up in `/etc/hosts`, then by DNS: what the system's `/etc/resolv.conf` says, and these "
     "keys where they are set."},
    kResolverKeys};

}  // namespace sluice::config
