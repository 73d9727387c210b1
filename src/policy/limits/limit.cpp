#include "sluice/policy/limit.hpp"

#include "sluice/limits/key.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr unsigned kBeforeV4 = 96;  // bits of an IpAddress in front of those of IPv4

LimitMatch make_match(const config::LimitMatch& from) {
  LimitMatch out;
  if (from.path) {
    out.path = from.path->value;
    if (out.path.ends_with("/*")) out.path.pop_back();
    out.prefix = out.path.ends_with('/');
  }
  for (const auto& method : from.methods)
    out.methods.push_back(method.value);
  out.headers = from.headers;
  return out;
}

bool has_tenant(const config::Limit& limit) {
  return std::any_of(limit.key.begin(), limit.key.end(),
                     [](const auto& part) { return part.of == config::KeyPart::Of::tenant; });
}

// The time in which as many come back as there may be at once is what the draft calls the window.
std::string announce(const Limit& limit) {
  if (limit.kind == config::LimitKind::concurrency)
    return fmt::format(R"("{}";q={};qu="concurrent-requests")", limit.name, limit.concurrency);
  const Nanos window = std::max<Nanos>((limit.terms.depth() + kSecond - 1) / kSecond, 1);
  return fmt::format("\"{}\";q={};w={}", limit.name, limit.terms.burst, window);
}

}  // namespace

std::shared_ptr<const Limit> make_limit(const config::Limit& from, bool shared) {
  auto out = std::make_shared<Limit>();
  out->name = from.name;
  out->tag = limits::tag_of(from.name);
  out->kind = from.kind;
  if (from.kind == config::LimitKind::concurrency) {
    out->concurrency = from.concurrency;
  } else {
    out->terms = limits::Terms::of(from.rate.count, nanos(from.rate.period), from.burst);
  }
  out->shared = shared && from.kind == config::LimitKind::rate;
  out->enforced = from.mode == config::LimitMode::enforce;
  out->key = from.key;
  out->by_tenant = has_tenant(from);
  out->v4_bits = kBeforeV4 + from.v4_prefix;
  out->v6_bits = from.v6_prefix;
  out->match = make_match(from.match);
  for (const auto& block : from.exempt.client_ip)
    out->exempt_clients.add(block.value);
  out->exempt_headers = from.exempt.headers;
  out->selective = !out->match.any() || !out->exempt_clients.empty() || !out->exempt_headers.empty();
  if (from.ban) out->ban = {from.ban->after, nanos(from.ban->window), nanos(from.ban->lasts)};
  out->announced = announce(*out);
  out->remaining = fmt::format("\"{}\";r=", from.name);
  return out;
}

}  // namespace sluice::policy
