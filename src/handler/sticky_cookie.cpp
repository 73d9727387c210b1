#include "handler/sticky_cookie.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/http/cookie.hpp"

#include <string_view>

namespace sluice::handler {
namespace {

std::string_view same_site(upstream::SameSite value) {
  switch (value) {
    case upstream::SameSite::lax: return "; SameSite=Lax";
    case upstream::SameSite::strict: return "; SameSite=Strict";
    case upstream::SameSite::none: return "; SameSite=None";
  }
  return "";
}

bool is_secure(upstream::SecureCookie value, bool tls) {
  return value == upstream::SecureCookie::always || (value == upstream::SecureCookie::automatic && tls);
}

}  // namespace

std::size_t bound_server(const http::Exchange& exchange, const upstream::Group& group) {
  const auto value = http::find_cookie(exchange.request.fields, group.rules().sticky->cookie);
  return value ? group.sticky()->find(*value) : upstream::kNobody;
}

void bind_client(http::Exchange& exchange, const upstream::Group& group, std::size_t bound,
                 std::size_t chosen, Nanos now) {
  // A backup is left again as soon as others are well.
  if (bound == chosen || group.members()[chosen].backup) return;
  if (bound != upstream::kNobody && group.keeps(bound, now)) return;
  const upstream::StickyRules& rules = *group.rules().sticky;
  Arena& arena = exchange.arena;
  std::string_view age;
  if (rules.max_age != 0) age = arena.join({"; Max-Age=", Decimal(rules.max_age).view()});
  const bool secure = is_secure(rules.secure, exchange.origin.secure);
  exchange.response.fields.add(
      arena, "Set-Cookie",
      arena.join({rules.cookie, "=", group.sticky()->name(chosen), "; Path=", rules.path, age, "; HttpOnly",
                  same_site(rules.same_site), secure ? "; Secure" : ""}),
      http::FieldId::other);
}

}  // namespace sluice::handler
