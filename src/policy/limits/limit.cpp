#include "sluice/policy/limit.hpp"

#include "sluice/limits/key.hpp"

namespace sluice::policy {

std::shared_ptr<const Limit> make_limit(const config::Limit& from, bool shared) {
  auto out = std::make_shared<Limit>();
  out->name = from.name;
  out->tag = limits::tag_of(from.name);
  out->kind = from.kind;
  out->terms = limits::Terms::of(from.rate.count, nanos(from.rate.period), from.burst);
  out->concurrency = from.concurrency;
  out->shared = shared && from.kind == config::LimitKind::rate;
  return out;
}

}  // namespace sluice::policy
