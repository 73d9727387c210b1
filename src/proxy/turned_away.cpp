#include "proxy/turned_away.hpp"

#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/observe/counters.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace sluice::proxy {
namespace {

constexpr std::uint8_t kGrpcResourceExhausted = 8;
constexpr http::Reason kByLimit{429, "http_request_denied", "too many requests: this address is banned",
                                kGrpcResourceExhausted};
constexpr http::Reason kByHand{403, "http_request_denied", "this address is banned"};
constexpr http::Reason kOnHold{503, "http_request_denied", "the tenant is on hold"};

void turn_away(http::Exchange& exchange, http::Reason reason, Nanos left) {
  constexpr Nanos kSecond = 1'000'000'000;
  reason.retry_after = static_cast<std::uint32_t>(std::max<Nanos>((left + kSecond - 1) / kSecond, 1));
  http::make_reply(exchange, reason);
  // Nobody reads the body, and to receive it costs more than another connection.
  if (exchange.request_body != nullptr) exchange.downstream->close_after();
}

}  // namespace

bool is_banned(http::Exchange& exchange, limits::Bans& bans, std::string_view tenant, Nanos now) {
  const IpAddress& client = http::client_address(exchange);
  if (client == IpAddress()) return false;  // a unix socket
  const auto found = bans.find(client, tenant, now);
  if (!found) return false;
  exchange.record.limited = "ban";
  exchange.record.details = exchange.arena.copy(
      found->by_hand ? fmt::format("{} is banned by hand", found->block.text())
                     : fmt::format("{} is banned by limit {}", found->block.text(), found->limit));
  turn_away(exchange, found->by_hand ? kByHand : kByLimit, found->until - now);
  return true;
}

bool is_held(http::Exchange& exchange, const limits::Holds& holds, Nanos now) {
  const auto held = holds.find(exchange.tenant);
  if (held == holds.end() || held->second.until <= now) return false;
  observe::count_held();
  exchange.record.limited = "hold";
  const std::string& reason = held->second.reason;
  exchange.record.details =
      reason.empty() ? std::string_view() : exchange.arena.join({kOnHold.details, ": ", reason});
  turn_away(exchange, kOnHold, held->second.until - now);
  return true;
}

}  // namespace sluice::proxy
