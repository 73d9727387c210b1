#include "plan/rules.hpp"

#include <chrono>

namespace sluice::plan {
namespace {

upstream::BalanceKind kind_of(config::Balancing from) {
  switch (from) {
    case config::Balancing::round_robin: return upstream::BalanceKind::round_robin;
    case config::Balancing::random_two: return upstream::BalanceKind::random_two;
    case config::Balancing::least_time: return upstream::BalanceKind::least_time;
    case config::Balancing::hash: return upstream::BalanceKind::hash;
    case config::Balancing::least_connections: break;
  }
  return upstream::BalanceKind::least_connections;
}

upstream::KeySource source_of(config::HashBy from) {
  switch (from) {
    case config::HashBy::tenant: return upstream::KeySource::tenant;
    case config::HashBy::path: return upstream::KeySource::path;
    case config::HashBy::header: return upstream::KeySource::header;
    case config::HashBy::cookie: return upstream::KeySource::cookie;
    case config::HashBy::client_ip: break;
  }
  return upstream::KeySource::client_ip;
}

upstream::Failures failures(const config::Failures& from) {
  upstream::Failures out{from.connect, from.reset, from.timeout, {}};
  for (const config::StatusRange& range : from.statuses)
    out.statuses.add(range.low, range.high);
  return out;
}

upstream::RetryRules retry(const config::Retry& from) {
  const Nanos per_try = from.per_try_timeout ? nanos(*from.per_try_timeout) : 0;
  return {from.attempts, failures(from.on), from.budget, from.budget_min, per_try, from.body};
}

upstream::OutlierRules outlier(const config::Outlier& from) {
  return {from.consecutive_errors, from.error_rate,          from.min_requests, nanos(from.interval),
          nanos(from.ejection),    nanos(from.ejection_max), from.max_ejected,  failures(from.errors)};
}

upstream::SameSite same_site(config::SameSite from) {
  switch (from) {
    case config::SameSite::strict: return upstream::SameSite::strict;
    case config::SameSite::none: return upstream::SameSite::none;
    case config::SameSite::lax: break;
  }
  return upstream::SameSite::lax;
}

upstream::SecureCookie secure(config::SecureCookie from) {
  switch (from) {
    case config::SecureCookie::always: return upstream::SecureCookie::always;
    case config::SecureCookie::never: return upstream::SecureCookie::never;
    case config::SecureCookie::automatic: break;
  }
  return upstream::SecureCookie::automatic;
}

upstream::StickyRules sticky(const config::Sticky& from) {
  std::uint64_t max_age = 0;
  if (from.ttl) {
    max_age = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(*from.ttl).count());
  }
  return {from.cookie.value, max_age, from.secret, from.path, same_site(from.same_site), secure(from.secure)};
}

}  // namespace

upstream::BalanceSpec balance_of(const config::Pool& pool) {
  upstream::BalanceSpec out;
  out.kind = kind_of(pool.balance.by);
  out.key = {source_of(pool.balance.hash), pool.balance.name};
  out.bound_percent = pool.balance.bound;
  out.slow_start = nanos(pool.slow_start);
  return out;
}

upstream::Rules rules_of(const config::Pool& pool) {
  upstream::Rules out;
  out.retry = retry(pool.retry);
  if (pool.outlier) out.outlier = outlier(*pool.outlier);
  out.panic = {pool.panic.below, pool.panic.then == config::PanicThen::all ? upstream::PanicThen::all
                                                                           : upstream::PanicThen::refuse};
  if (pool.queue) out.queue = {pool.queue->size, nanos(pool.queue->timeout)};
  if (pool.sticky) out.sticky = sticky(*pool.sticky);
  return out;
}

}  // namespace sluice::plan
